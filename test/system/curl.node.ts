/**
 * A curl of few options, by Node's http: just those that the course uses. A machine that runs the tests need not have
 * curl. Where it has one, the course is tried with both (course.node.test.ts). Any other option is refused.
 * node curl.node.ts [options] URL
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { request, type IncomingMessage } from "node:http";

interface Options {
  readonly url: URL;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | undefined;
  /** The body's length is not told, so that it goes in chunks: -T. */
  readonly isChunked: boolean;
  readonly printsHeaders: boolean;
  readonly discardsBody: boolean;
  readonly followsRedirects: boolean;
  /** What is printed behind the body. */
  readonly format: string;
  readonly seconds: number | undefined;
  readonly cookiesIn: string | undefined;
  readonly cookiesOut: string | undefined;
}

/** Short options that stand alone: -N prints at once, which this always does, and -s says nothing of progress. */
const FLAGS = new Set(["s", "N", "i", "L", "G"]);
const WITH_VALUE = new Set(["w", "H", "d", "X", "T", "m", "o", "b", "c", "data-binary"]);
/** What curl ends with when -m is over. */
const TIMED_OUT = 28;

await run(readOptions(process.argv.slice(2)));

/** Sends the request, and prints the answer as it comes. */
async function run(options: Options): Promise<void> {
  if (options.seconds !== undefined)
    setTimeout(() => process.exit(TIMED_OUT), options.seconds * 1_000).unref();
  const response = await send(options);
  const { statusCode = 0, headers } = response;
  keepCookies(options.cookiesOut, headers["set-cookie"] ?? []);
  const redirectUrl =
    headers.location === undefined ? "" : new URL(headers.location, options.url).href;
  if (options.followsRedirects && redirectUrl !== "") {
    response.resume();
    // A 303 is followed by a GET, whatever was sent (RFC 9110 section 15.4.4).
    if (statusCode !== 303) throw new Error(`A ${statusCode} is not followed here`);
    const { headers: sent } = options;
    const kept = sent.filter(([name]) => name.toLowerCase() !== "content-type");
    const next = { url: new URL(redirectUrl), method: "GET", headers: kept, body: undefined };
    return run({ ...options, ...next });
  }
  if (options.printsHeaders) process.stdout.write(headText(response));
  for await (const chunk of response as AsyncIterable<Buffer>)
    if (!options.discardsBody) process.stdout.write(chunk);
  const written = options.format
    .replaceAll("%{http_code}", String(statusCode))
    .replaceAll("%{redirect_url}", redirectUrl)
    .replaceAll("\\n", "\n");
  process.stdout.write(written);
}

function send(options: Options): Promise<IncomingMessage> {
  const { url, method, body, isChunked } = options;
  const cookie = readCookies(options.cookiesIn);
  const headers: Record<string, string | string[]> = {
    accept: "*/*",
    ...(cookie !== "" && { cookie }),
    ...(body !== undefined && !isChunked && { "content-length": String(body.length) }),
    ...(isChunked && { "transfer-encoding": "chunked" }),
  };
  // One that is named twice is sent twice.
  const added = new Set<string>();
  for (const [name, value] of options.headers) {
    const before = added.has(name) ? (headers[name] ?? []) : [];
    headers[name] = before.length === 0 ? value : [before, value].flat();
    added.add(name);
  }
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, resolve);
    // A server that refuses a long body closes while it is still sent: then the answer is there.
    sent.on("error", reject);
    sent.end(body);
  });
}

function readOptions(args: readonly string[]): Options {
  const { flags, values, urls } = splitArguments(args);
  const [address, ...otherUrls] = urls;
  if (address === undefined || otherUrls.length > 0) refuse(`one URL, not ${urls.length}`);
  const data = values("d");
  const [binary] = values("data-binary");
  const [upload] = values("T");
  for (const source of [binary?.replace(/^@/, ""), upload])
    if (source !== undefined && source !== "-") refuse(`a body from "${source}"`);
  const isInQuery = flags.has("G");
  const url = new URL(address ?? "");
  if (isInQuery) url.search = data.join("&");
  const isFromInput = binary !== undefined || upload !== undefined;
  const text = data.length > 0 && !isInQuery ? Buffer.from(data.join("&")) : undefined;
  const body = isFromInput ? readFileSync(0) : text;
  const headers = values("H").map(readHeaderLine);
  const isForm = body !== undefined && upload === undefined;
  if (isForm && !headers.some(([name]) => name === "content-type"))
    headers.push(["content-type", "application/x-www-form-urlencoded"]);
  const [seconds] = values("m");
  return {
    url,
    method: values("X").at(-1) ?? (body === undefined ? "GET" : "POST"),
    headers,
    body,
    isChunked: upload !== undefined,
    printsHeaders: flags.has("i"),
    discardsBody: values("o").includes("/dev/null"),
    followsRedirects: flags.has("L"),
    format: values("w").at(-1) ?? "",
    seconds: seconds === undefined ? undefined : Number(seconds),
    cookiesIn: values("b").at(-1),
    cookiesOut: values("c").at(-1),
  };
}

interface Arguments {
  readonly flags: ReadonlySet<string>;
  /** All values of an option, in order. */
  readonly values: (option: string) => string[];
  readonly urls: readonly string[];
}

function splitArguments(args: readonly string[]): Arguments {
  const flags = new Set<string>();
  const given: [option: string, value: string][] = [];
  const urls: string[] = [];
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const isLong = word.startsWith("--");
    if (!word.startsWith("-")) urls.push(word);
    else
      // Of short ones that stand together, as in -sN, each but the last stands alone.
      for (const option of isLong ? [word.slice(2)] : word.slice(1))
        if (FLAGS.has(option)) flags.add(option);
        else if (WITH_VALUE.has(option)) given.push([option, rest.shift() ?? ""]);
        else refuse(`the option ${word}`);
  }
  const values = (option: string): string[] =>
    given.filter(([name]) => name === option).map(([, value]) => value);
  return { flags, values, urls };
}

function readHeaderLine(line: string): [name: string, value: string] {
  const [, name = "", value = ""] = /^([\w-]+): (.*)$/.exec(line) ?? refuse(`the header "${line}"`);
  return [name.toLowerCase(), value];
}

function headText({ httpVersion, statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  let text = `HTTP/${httpVersion} ${statusCode} ${statusMessage}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2)
    text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  return `${text}\r\n`;
}

/** A file of cookies is this program's own: a `name=value` a line. */
function readCookies(path: string | undefined): string {
  if (path === undefined || !existsSync(path)) return "";
  return readFileSync(path, "utf8").trim().split("\n").join("; ");
}

function keepCookies(path: string | undefined, lines: readonly string[]): void {
  if (path === undefined || lines.length === 0) return;
  const all = [readFileSync(path, "utf8"), ...lines.map((line) => line.replace(/;.*$/s, ""))];
  writeFileSync(path, all.filter((line) => line.trim() !== "").join("\n"));
}

function refuse(what: string): never {
  console.error(`This curl knows only what the course uses, and not ${what}`);
  process.exit(2);
}
