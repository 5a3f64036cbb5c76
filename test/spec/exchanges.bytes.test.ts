// The exchanges of spec/ in workerd, in the mode "bytes" of spec/README.md.
import { suite } from "./suite.ts";

suite("bytes");
