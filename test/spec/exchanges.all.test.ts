// The exchanges of spec/ in workerd, in the mode "all" of spec/README.md.
import { suite } from "./suite.ts";

suite("all");
