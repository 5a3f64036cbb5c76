// The exchanges of spec/ in workerd, in the mode "sse" of spec/README.md.
import { suite } from "./suite.ts";

suite("sse");
