/**
 * The board of tic-tac-toe as a page that a host of MCP Apps shows beside the results of the game's tools.
 * It speaks JSON-RPC with its host over postMessage, and plays through it: a move is a call of `game_move`.
 * It loads nothing from anywhere, hears its host alone, and puts what it is told into the page as text.
 */

import { resource, type ResourceSpec } from "../../api.ts";

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Tic-tac-toe</title>
<style>
:root { color-scheme: light dark }
body { width: 200px; margin: auto; padding: 8px; font: 16px var(--font-sans, sans-serif);
  color: var(--color-text-primary, CanvasText); background: var(--color-background-primary, Canvas) }
div { display: grid; grid: repeat(3, 64px) / repeat(3, 64px); gap: 4px }
button { padding: 8px; font: inherit; color: inherit; border: 1px solid;
  background: var(--color-background-secondary, ButtonFace) }
div button { font-size: 32px }
[aria-disabled=true] { background: none }
</style>
<p role="status">Waiting for the game
<div role="group" aria-label="Board"></div>
<p><button>Look again</button>
<script>
const [told, board, , look] = document.querySelectorAll("p, div, button");
const waiting = [];
let game, facts = { board: ".........", you: 0 };

const send = (message) => parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
const ask = (method, params, hear) => send({ id: waiting.push(hear), method, params });
const call = (name, more) =>
  ask("tools/call", { name, arguments: { game, ...more } }, ({ result, error }) => {
    show(result ?? { content: [{ text: error.message }] });
    if (result) ask("ui/update-model-context", { content: result.content });
  });

const cells = [..."123456789"].map((cell) => {
  const button = document.createElement("button");
  button.onclick = () => {
    if (button.ariaDisabled === "true") return;
    facts.turn = "";
    draw();
    call("game_move", { cell: +cell });
  };
  board.append(button);
  return button;
});
const draw = () => cells.forEach((cell, index) => {
  const mark = facts.board[index].replace(".", "");
  cell.textContent = mark;
  cell.ariaLabel = "Cell " + (index + 1) + ": " + (mark || "free");
  cell.ariaDisabled = mark !== "" || facts.turn !== facts.you;
});
const show = ({ content, structuredContent = facts }) => {
  told.textContent = content[0].text.split("\\n\\n").pop();
  facts = structuredContent;
  game = facts.game ?? game;
  draw();
};
const adapt = ({ theme, styles }) => {
  const { style } = document.documentElement;
  if (theme) style.colorScheme = theme;
  for (const name in styles?.variables) style.setProperty(name, styles.variables[name] ?? "");
};

const listeners = {
  "ui/notifications/tool-input": (params) => { game = params.arguments?.game ?? game },
  "ui/notifications/tool-result": show,
  "ui/notifications/tool-cancelled": () => show({ content: [{ text: "Cancelled" }] }),
  "ui/notifications/host-context-changed": adapt,
};
onmessage = ({ source, data }) => {
  if (source !== parent) return;
  const { id, method, params } = data;
  if (!method) waiting[id - 1]?.(data);
  else if (id === undefined) listeners[method]?.(params);
  else if (/^ping$|teardown$/.test(method)) send({ id, result: {} });
  else send({ id, error: { code: -32601, message: "Method not found" } });
};

draw();
look.onclick = () => call("game_show");
ask("ui/initialize", {
  protocolVersion: "2026-01-26",
  appInfo: { name: "game", version: "1" },
  appCapabilities: { availableDisplayModes: ["inline"] },
}, ({ result }) => {
  adapt(result.hostContext ?? {});
  send({ method: "ui/notifications/initialized" });
  new ResizeObserver(([{ target }]) => send({
    method: "ui/notifications/size-changed",
    params: { width: target.offsetWidth, height: target.offsetHeight },
  })).observe(document.body);
});
</script>
`;

/** What a host shows beside the results of the game's tools. */
export const gamePage: ResourceSpec = resource({
  uri: "ui://game/board",
  name: "game-board",
  description: "The board of tic-tac-toe, to play on",
  mimeType: "text/html;profile=mcp-app",
  _meta: { ui: { prefersBorder: true } },
  cache: { ttlMs: 3_600_000, scope: "public" },
  read: () => PAGE,
});
