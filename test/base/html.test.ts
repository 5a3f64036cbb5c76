/** HTML from templates: nothing that is put in becomes markup, wherever it is put. */

import { describe, expect, it } from "vitest";
import { html, writeHtml, type Html, type HtmlValue } from "../../src/base/html.ts";

/** What a browser's parser makes of the document: each element with its attributes, and the text in between. */
async function parse(
  document: Html,
): Promise<{ elements: Record<string, string>[]; text: string }> {
  const elements: Record<string, string>[] = [];
  let text = "";
  const rewriter = new HTMLRewriter().on("*", {
    element: (element) => {
      elements.push({ tag: element.tagName });
      for (const [name = "", value = ""] of element.attributes)
        Object.assign(elements.at(-1) ?? {}, { [name]: value });
    },
    text: (chunk) => {
      text += chunk.text;
    },
  });
  await rewriter.transform(new Response(writeHtml(document))).text();
  return { elements, text };
}

const decode = (text: string): string =>
  text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));

describe("what is put into a template", () => {
  it.each([
    '"',
    "'",
    "<",
    ">",
    "&",
    '" onfocus="alert(1)',
    "'><script>alert(1)</script>",
    "&quot;",
    "</b>",
    "<!--",
  ])("is text, in an element and in an attribute: %s", async (hostile) => {
    const { elements, text } = await parse(html`<b title="${hostile}" lang="en">${hostile}</b>`);
    expect(elements.map((one) => Object.keys(one))).toEqual([["tag", "title", "lang"]]);
    expect([elements[0]?.["title"], text].map((one) => decode(one ?? ""))).toEqual([
      hostile,
      hostile,
    ]);
  });

  it("has each sign that could end its place escaped", () => {
    expect(writeHtml(html`${`&<>"'`}`)).toBe("<!doctype html>\n&#38;&#60;&#62;&#34;&#39;");
  });

  it("may be templates, lists of them, numbers, and nothing", () => {
    const items: HtmlValue[] = ["<", 1, undefined, false, [html`<i></i>`, "&"]];
    expect(writeHtml(html`<p>${items}</p>`)).toBe("<!doctype html>\n<p>&#60;1<i></i>&#38;</p>");
  });
});
