// The exchanges of spec/ in workerd, in the mode "evicted" of spec/README.md.
import { suite } from "./suite.ts";

suite("evicted");
