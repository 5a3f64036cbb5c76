/** The suite's resources and templates. The first resource is read by a probe, so it must answer without a question. */

import {
  resource,
  template,
  type ResourceSpec,
  type ResourceTemplate,
} from "../../src/server/define.ts";
import { PNG } from "./media.ts";

export const resources: readonly ResourceSpec[] = [
  resource({
    uri: "test://static-text",
    name: "static-text",
    title: "Static text",
    description: "A text that never changes",
    mimeType: "text/plain",
    read: () => "This is the content of the static text resource.",
  }),
  resource({
    uri: "test://static-binary",
    name: "static-binary",
    title: "Static binary",
    description: "An image that never changes",
    mimeType: "image/png",
    // As bytes: the server encodes them.
    read: () => ({ blob: Uint8Array.from(atob(PNG), (sign) => sign.charCodeAt(0)) }),
  }),
  resource({
    uri: "test://watched-resource",
    name: "watched-resource",
    title: "Watched resource",
    description: "A resource to subscribe to",
    mimeType: "text/plain",
    read: () => "Watch me.",
  }),
];

export const templates: readonly ResourceTemplate[] = [
  template({
    uriTemplate: "test://template/{id}/data",
    name: "template-data",
    title: "Data by id",
    description: "A resource for every id",
    mimeType: "application/json",
    read: ({ id = "" }) => JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
  }),
];
