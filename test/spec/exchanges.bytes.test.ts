// The exchanges of spec/ in workerd, bodies sent in small pieces.
import { suite } from "./suite.ts";

suite(["bytes", "all"]);
