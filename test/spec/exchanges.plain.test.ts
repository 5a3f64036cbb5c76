// The exchanges of spec/ in workerd, in the mode "plain" of spec/README.md, and what the world offers.
import { suite, worldSuite } from "./suite.ts";

worldSuite();
suite("plain");
