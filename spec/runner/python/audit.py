"""Runs the exchanges of spec/ over plain HTTP, in Python with its standard library alone. spec/README.md is its contract.
    python3 spec/runner/python/audit.py URL [--revision R] [--mode plain|sse|bytes] [--only word] [--choices world] [--json file]
Only the server at URL is sent anything. What it cannot do is untested: evict, let over ten seconds pass, speak for callers
who cannot sign in as world.json says (it takes no tokens). It runs no vectors, and has no limit of time for the whole.
"""
import argparse, collections, json, pathlib, socket, sys
from urllib.parse import urlsplit

sys.dont_write_bytecode = True  # Nothing is left behind beside these files.
from answer import origin_of
from walk import Walk, played

SPEC = pathlib.Path(__file__).resolve().parents[2]
LEVELS = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT"]
VERDICTS = ["pass", "fail", "setup", "untested"]
OTHER_NAME = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}
LISTS = [("tools", "tools", "tools", "name"), ("prompts", "prompts", "prompts", "name"),
         ("resources", "resources", "resources", "uri"),
         ("templates", "resources/templates", "resourceTemplates", "uriTemplate")]
load = lambda path: json.loads((SPEC / path).read_text("utf-8"))
load_all = lambda folder: [one for file in sorted((SPEC / folder).iterdir()) for one in load(file)]
holds_in = lambda revision, one: one.get("since", "") <= revision <= one.get("until", revision)
REVISIONS, WORLD = load("revisions.json")["revisions"], load("world.json")

def object_of(value):
    """A server may send anything in the place of an object."""
    return value if isinstance(value, dict) else {}

class Server:
    """What exchanges are walked against: an address, a revision, and what the server has of what they need."""
    def __init__(self, url, wanted, choices):
        self.url, self.endpoint, self.origin = url, urlsplit(url).path or "/", origin_of(url)
        host = urlsplit(url).hostname
        self.elsewhere = self.origin.replace(host, OTHER_NAME[host]) if host in OTHER_NAME else None
        self.has, self.tokens, self.signs_in, self.speaks = None, {}, False, set()
        self.was_limited = False
        self.speak(wanted or REVISIONS[-1])
        hello = {"send": {"use": "@hello"}, "expect": [{"status": {"$save": "status"}}]}
        self.is_guarded = self.find_out(hello).get("status") == 401
        self.signs_in = self.is_guarded and self.token_of("auditor") is not None
        hello, has_session = self.agree(wanted)
        found = self.choices(has_session) | self.capabilities(hello.get("capabilities"), "capabilities/") | self.listed()
        if self.signs_in: found |= {f"clients/{name}" for name in WORLD["clients"]}
        tools = {f"tools/{name}" for name, tool in WORLD["tools"].items() if holds_in(self.revision, tool)}
        if choices == "world" or tools <= found: found |= {f"choices/{name}" for name in WORLD["choices"]}
        self.has = found

    def speak(self, revision):
        self.revision = revision
        self.templates = load("templates/every.json") | load(f"templates/{revision}.json")

    def find_out(self, *steps):
        """What is kept of steps that are walked to learn something, in the name of whoever can sign in."""
        as_auditor = {"as": "auditor"} if self.signs_in else {}
        asked = [{**step, **{kind: step[kind] | as_auditor for kind in ("send", "open") if kind in step}}
                 for step in played(steps, self.templates)]
        return Walk(self, {"steps": asked}).run().kept

    def token_of(self, person):
        if person not in self.tokens:
            walk = Walk(self, {"steps": [{"play": "@grant"}]}, person=person).run()
            self.tokens[person] = walk.kept.get("token")
        return self.tokens[person]

    def agree(self, wanted):
        """Speaks the revision that was asked for, else the newest that the server names; gives what it says of itself there."""
        said = {}
        for revision in [wanted] if wanted else reversed(REVISIONS):
            self.speak(revision)
            expect = [{"reply": {"$save": "reply"}}, {"headers": {"Mcp-Session-Id": {"$save": "session"}}}]
            kept = self.find_out({"send": {"use": "@hello"}, "expect": expect})
            reply = kept.get("reply") if isinstance(kept.get("reply"), dict) else {}
            result = object_of(reply.get("result"))
            data = object_of(object_of(reply.get("error")).get("data"))
            lists = [one for one in (result.get("supportedVersions"), data.get("supported")) if isinstance(one, list)]
            named = [result.get("protocolVersion"), *(one for versions in lists for one in versions)]
            self.speaks |= {one for one in named if isinstance(one, str)}
            # The header may also come where the revision has no sessions.
            said[revision] = (result, "session" in kept and "@session" in self.templates)
            if revision in named: break
        spoken = wanted or next((one for one in reversed(REVISIONS) if one in self.speaks), REVISIONS[-1])
        self.speak(spoken)
        return said.get(spoken, ({}, False))

    def choices(self, has_session):
        """What a server with sessions shows of what it may choose."""
        if not has_session: return set()
        kept = self.find_out(
            {"play": "@session"},
            {"open": {"use": "@listen", "stream": "get"}, "expect": [{"status": {"$save": "listened"}}]},
            {"close": "get"},
            {"send": {"use": "@end"}, "expect": [{"status": {"$save": "ended"}}]})
        get_stream = {"choices/get-stream"} if kept.get("listened") == 200 else set()
        return {"choices/sessions"} | get_stream | ({"choices/ends-sessions"} if kept.get("ended", 0) // 100 == 2 else set())

    def capabilities(self, value, path):
        if not isinstance(value, dict): return set()
        declared = {path + name: one for name, one in value.items() if one is not None and one is not False}
        return set(declared).union(*(self.capabilities(one, f"{name}.") for name, one in declared.items()))

    def listed(self):
        found, session = set(), [{"play": "@session"}] if "@session" in self.templates else []
        for kind, method, member, name in LISTS:
            cursor = None
            for _ in range(20):
                next_page = {"$any": [{"$absent": True}, {"$save": "next"}]}
                result = {member: {"$type": "array", "$save": "items"}, "nextCursor": next_page}
                send = {"use": "@request", "body": {"method": f"{method}/list", "params": {"cursor": cursor}}}
                kept = self.find_out(*session, {"send": send, "expect": [{"reply": {"result": result}}]})
                items, cursor = kept.get("items", []), kept.get("next")
                if items: found.add(kind)
                found |= {f"{kind}/{one[name]}" for one in items if isinstance(one, dict) and name in one}
                if not cursor: break
        return found

    def concerns(self, exchange):
        return (exchange.get("world") == "guarded") == self.is_guarded

def judge(walks):
    """Of each requirement its verdict: it fails by one failure, and passes when it was seen and nothing failed."""
    found = collections.defaultdict(set)
    for walk in walks:
        for _, proves, verdict, _ in walk.findings:
            is_stopped = verdict == "untested" and walk.verdict == "setup"
            for one in proves: found[one].add("setup" if is_stopped else verdict)
    order = ["fail", "pass", "setup", "untested"]
    entries = [entry for entry in load_all("requirements") if entry["id"] in found]
    return [(entry, min(found[entry["id"]], key=order.index)) for entry in entries]

def report(walks, server, file):
    """Prints what was found, and writes it for programs. Gives the exit code."""
    requirements = judge(walks)
    rank = lambda one: (VERDICTS.index(one[1]), LEVELS.index(one[0]["level"]))
    for entry, verdict in sorted(requirements, key=rank):
        print(f"{verdict:9} {entry['level']:11} {entry['id']}  {entry['text']}")
    for walk in walks:
        if walk.verdict in ("fail", "setup"):
            print(f"{walk.verdict:9} {walk.exchange['id']} ({walk.mode}), {ascii(walk.why)[1:-1]}")
    counts = collections.Counter(walk.verdict for walk in walks)
    print("Conversations: " + ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS))
    conversations = [{"id": walk.exchange["id"], "mode": walk.mode, "verdict": walk.verdict, "why": walk.why,
                      "findings": [[step, proves, verdict] for step, proves, verdict, _ in walk.findings]} for walk in walks]
    verdicts = [{"id": entry["id"], "verdict": verdict} for entry, verdict in requirements]
    whole = {"url": server.url, "revision": server.revision, "requirements": verdicts, "conversations": conversations}
    if file: pathlib.Path(file).write_text(json.dumps(whole, indent=2), "utf-8")
    return 1 if counts["fail"] or counts["setup"] or server.was_limited else 0

def main():
    options = argparse.ArgumentParser(description="Runs the exchanges of spec/ against the MCP server at URL.")
    options.add_argument("url")
    options.add_argument("--revision", choices=REVISIONS)
    options.add_argument("--mode", choices=["plain", "sse", "bytes"])
    options.add_argument("--only", default="", help="a word: only exchanges whose id holds it")
    options.add_argument("--choices", choices=["world"], help="judge what texts leave open, too")
    options.add_argument("--json", help="a file for programs")
    asked = options.parse_args()
    is_address = urlsplit(asked.url).scheme in ("http", "https") and urlsplit(asked.url).hostname
    if not is_address: options.error(f"{asked.url!a} is no address of a server")
    at = urlsplit(asked.url)
    port = at.port or {"http": 80, "https": 443}[at.scheme]
    socket.create_connection((at.hostname, port), timeout=10).close()
    server = Server(asked.url, asked.revision, asked.choices)
    print(f"{asked.url} in {server.revision}")
    chosen = [one for one in load_all("exchanges") if holds_in(server.revision, one) and asked.only in one["id"]]
    modes = [asked.mode] if asked.mode else ["plain", "sse", "bytes"]
    walks = [Walk(server, one, mode).run() for one in chosen if server.concerns(one)
             for mode in modes if mode in one.get("modes", modes)]
    return report(walks, server, asked.json)

if __name__ == "__main__":
    try: sys.exit(main())
    except OSError as error: sys.exit(f"Nobody answers: {ascii(str(error))[1:-1]}")
