/** stub */
import { DurableObject } from "cloudflare:workers";

export class StoreObject extends DurableObject {}
