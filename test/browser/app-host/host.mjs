/**
 * A host of MCP Apps in a browser, from the packages that hosts are made of: it calls a tool of the server that the
 * fragment of its address names, and shows the tool's page in a sandbox of another origin, as SEP-1865 asks of hosts.
 */

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import {
  AppBridge,
  getToolUiResourceUri,
  PostMessageTransport,
  RESOURCE_MIME_TYPE,
} from "@modelcontextprotocol/ext-apps/app-bridge";

const APPS = { "io.modelcontextprotocol/ui": { mimeTypes: [RESOURCE_MIME_TYPE] } };
const VARIABLES = {
  "--color-background-primary": "light-dark(#ffffff, #1f1e1d)",
  "--color-background-secondary": "light-dark(#f0eee6, #30302e)",
  "--color-text-primary": "light-dark(#141413, #faf9f5)",
  "--color-border-primary": "light-dark(#73726c, #8f8d85)",
  "--font-sans": "system-ui, sans-serif",
};

/** Markup that would run, were it taken for markup. */
const HOSTILE = "<img src=x onerror=alert(1)>";

const FORGED = {
  jsonrpc: "2.0",
  method: "ui/notifications/tool-result",
  params: { content: [{ type: "text", text: "forged" }] },
};

const settings = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const write = (id, text) => (document.getElementById(id).textContent = text);
const on = (id, act) => (document.getElementById(id).onclick = act);
const withoutValues = (values) =>
  Object.fromEntries(Object.keys(values).map((name) => [name, undefined]));

async function connect() {
  const client = new Client(
    { name: "app-host", version: "1.0.0" },
    {
      capabilities: settings.showsApps ? { extensions: APPS } : {},
      versionNegotiation: { mode: settings.mode },
    },
  );
  const headers = { authorization: `Bearer ${settings.token}` };
  const transport = new StreamableHTTPClientTransport(new URL(settings.server), {
    requestInit: { headers },
  });
  await client.connect(transport);
  return client;
}

/** The page of a tool, as a host may take it. */
async function readPage(client, uri) {
  const { contents } = await client.readResource({ uri });
  const [content] = contents;
  if (contents.length !== 1 || content.mimeType !== RESOURCE_MIME_TYPE)
    throw new Error(`${uri} is no page of an app: ${JSON.stringify(contents)}`);
  return { html: content.text, ...content._meta?.ui };
}

/** Loads the sandbox, and waits until it says that it is ready. */
function openSandbox() {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts allow-same-origin";
  frame.src = settings.sandbox;
  document.querySelector("main").append(frame);
  return new Promise((resolve) => {
    window.addEventListener("message", ({ source, data }) => {
      if (source !== frame.contentWindow) return;
      const item = document.createElement("li");
      item.textContent = data.method ?? "an answer";
      document.getElementById("log").append(item);
      if (data.method === "ui/notifications/sandbox-proxy-ready") resolve(frame);
    });
  });
}

async function show(client, page, input, result) {
  const frame = await openSandbox();
  let theme = "light";
  const bridge = new AppBridge(
    client,
    { name: "app-host", version: "1.0.0" },
    { serverTools: {}, updateModelContext: { text: {} } },
    { hostContext: { theme, styles: { variables: VARIABLES }, displayMode: "inline" } },
  );
  bridge.onsizechange = ({ width, height }) => {
    frame.style.width = `${width}px`;
    frame.style.height = `${height}px`;
  };
  bridge.onupdatemodelcontext = async ({ content }) => {
    write("context", content.map(({ text }) => text).join("\n"));
    return {};
  };
  const initialized = new Promise((resolve) => {
    bridge.oninitialized = resolve;
  });
  on("theme", () => {
    theme = theme === "light" ? "dark" : "light";
    document.documentElement.style.colorScheme = theme;
    bridge.sendHostContextChange({ theme });
  });
  on("plain", () =>
    bridge.sendHostContextChange({ styles: { variables: withoutValues(VARIABLES) } }),
  );
  on("ping", async () => {
    await bridge.request({ method: "ping" });
    write("state", "pong");
  });
  on("teardown", async () => {
    await bridge.teardownResource({});
    write("state", "torn down");
  });
  // Past the sandbox: from a window that is not the app's host.
  on("forge", () => frame.contentWindow.frames[0].postMessage(FORGED, "*"));
  on("hostile", () => bridge.sendToolResult({ content: [{ type: "text", text: HOSTILE }] }));
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  await bridge.sendSandboxResourceReady(page);
  await initialized;
  await bridge.sendToolInput({ arguments: input });
  await bridge.sendToolResult(result);
}

async function run() {
  const client = await connect();
  const { tools } = await client.listTools();
  const tool = tools.find(({ name }) => name === settings.tool);
  const result = await client.callTool({ name: settings.tool, arguments: settings.input });
  write("text", result.content.map(({ text }) => text).join("\n"));
  write("facts", JSON.stringify(result.structuredContent));
  const uri = getToolUiResourceUri(tool);
  if (uri !== undefined) await show(client, await readPage(client, uri), settings.input, result);
  write("state", uri === undefined ? "text alone" : "shown");
}

run().catch((error) => write("state", `failed: ${error.stack}`));
