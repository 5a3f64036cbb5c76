/**
 * What the platform's own module gives, for all who need it: a bundle holds an import statement for each file that imports it
 * by itself, and one for all who import it from here.
 */

export { DurableObject, waitUntil } from "cloudflare:workers";
