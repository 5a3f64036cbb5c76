// The exchanges of spec/ in workerd, bodies sent whole.
import { suite, worldSuite } from "./suite.ts";

worldSuite();
suite(["plain", "sse", "evicted"]);
