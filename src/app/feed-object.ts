/** stub */
import { DurableObject } from "cloudflare:workers";
import type { AppEnv } from "./settings.ts";

export class Feed extends DurableObject<AppEnv> {}
