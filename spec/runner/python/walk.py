"""Walks one exchange against a server and gives the verdict that spec/README.md names, with a finding for each check that
proves something: the step, what it proves, the verdict and why. It cannot evict, nor let more than ten seconds pass.
"""
import base64, json, random, re, time
from urllib.parse import quote_plus, urlencode, urljoin

from answer import Answer, form_of, location_of, origin_of
from match import HOLE, MISSING, fill, matches, parse, patch, text_of

ANSWER_S, AGAIN_S, READ_MS, FAR = 10, 0.1, 5000, 2**53
NO_PARTS = ("needs", "proves", "about", "headers")
LIMITED = "the server limits requests (429): raise its limit, or come later"
FORM = "application/x-www-form-urlencoded"
ask_of = lambda step: step.get("send") or step.get("open") or {}
shown = lambda value: "what is missing" if value is MISSING else json.dumps(value)[:300]

def played(steps, templates):
    """The steps, with those of a template in place of each `play`."""
    parts = [played(templates[step["play"]], templates) if "play" in step else [step] for step in steps]
    return [step for part in parts for step in part]

def overlay(request, templates):
    """A request laid over the templates that it uses."""
    if "use" not in request: return request
    base = overlay(templates[request["use"]], templates)
    parts = [part for part in ("body", "query", "form") if part in request]
    laid = {part: patch(base.get(part), request[part]) for part in parts}
    own = {name.lower() for name in request.get("headers", {})}
    headers = {name: one for name, one in base.get("headers", {}).items() if name.lower() not in own}
    return base | request | laid | {"headers": headers | request.get("headers", {})}

def pairs_of(fields, look):
    """Names and texts: a list repeats its name, what is null or missing is left out."""
    pairs = [(name, fill(one, look)) for name, value in (fields or {}).items()
             for one in (value if isinstance(value, list) else [value])]
    return [(name, text_of(one)) for name, one in pairs if one is not MISSING and one is not None]

def pointed(value, pointer):
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list): value = dict(enumerate(value)).get(int(name) if name.isdecimal() else name, MISSING)
        else: value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
    return value

def until(seconds, is_enough):
    end = time.monotonic() + seconds
    while not is_enough() and time.monotonic() < end: time.sleep(0.004)

class Walk:
    def __init__(self, server, exchange, mode="plain", person=None):
        nonce = f"{random.getrandbits(48):x}"
        self.server, self.exchange, self.mode = server, exchange, mode
        self.steps = played(exchange["steps"], server.templates)
        self.words = json.dumps(self.steps)
        self.kept = {
            "accept": f"application/json{';q=0.5' if mode == 'sse' else ''}, text/event-stream",
            "revision": server.revision, "endpoint": server.endpoint, "origin": server.origin,
            "nonce": nonce, "person": person or f"person-{nonce}",
        } | ({"elsewhere": server.elsewhere} if server.elsewhere else {})
        self.streams, self.jars, self.lives, self.findings = {}, {}, [], []
        self.verdict, self.why = None, None

    def run(self):
        stop = self.inability()
        is_unable = stop is not None
        for number, step in enumerate(self.steps, 1):
            self.kept["step"] = number
            seen = stop or self.attempt(step)
            if isinstance(seen, str):
                is_unable = is_unable or seen == LIMITED
                stop = stop or f"step {number}: {seen}"
                proves = [check["proves"] for check in step.get("expect", []) if "proves" in check]
                self.findings += [(number, one, "untested", stop) for one in proves]
            elif seen: stop = self.judge(number, step, seen)
        for live in self.lives: live.close()
        failure = next((one for one in self.findings if one[2] == "fail"), None)
        self.why = f"step {failure[0]}: {failure[3]}" if failure else stop
        self.verdict = "fail" if failure else "untested" if is_unable else "setup" if stop else "pass"
        return self

    def inability(self):
        """Why this server, or this runner, cannot walk the exchange."""
        needs = self.exchange.get("needs", [])
        if re.search(r'"Mcp-Session-Id": \{"\$save"', self.words, re.I): needs = [*needs, "choices/sessions"]
        if lack := self.lack(needs): return lack
        if any(step.get("evict") or step.get("advance", 0) > ANSWER_S * 1000 for step in self.steps):
            return "this runner cannot evict, nor let much time pass"
        if "{{elsewhere}}" in self.words and not self.server.elsewhere: return "it has no other address here"
        if self.server.has is None or self.server.signs_in: return None
        if '"as": ' in self.words: return "this runner knows no callers"
        bases = [self.server.templates.get(ask_of(step).get("use")) for step in self.steps]
        signs_in = re.search(r'"@issuer|oauth-authorization-server|"jar"', json.dumps(bases) + self.words)
        return "it needs the sign-in of world.json" if signs_in else None

    def lack(self, needs):
        lacking = [need for need in needs if self.server.has is not None and need not in self.server.has]
        return f"the server has no {lacking[0]}" if lacking else None

    def attempt(self, step):
        """What the step's checks see, or a text that says why the walk must stop."""
        start = time.monotonic()
        try:
            if "advance" in step: time.sleep(step["advance"] / 1000)
            if "close" in step and step["close"] in self.streams: self.streams[step["close"]].close()
            if "read" in step: return self.read(step["read"], start)
            if "until" in step: return self.ask_until(step, start)
            return self.ask(step, start) if ask_of(step) else None
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            return f"{type(error).__name__} {error}"

    def read(self, read, start):
        live, end, wait = self.streams[read["stream"]], read.get("end"), read.get("wait")
        count = read.get("count", 1)
        has_enough = lambda: not end and len(live.messages) >= live.taken + count
        is_there = lambda: live.ended or live.broken or has_enough()
        until((wait or read.get("within", READ_MS)) / 1000, lambda: not wait and is_there())
        return live.view(FAR if end or wait else count, start)

    def ask_until(self, step, start):
        """Asks again and again, until the answer is as `until` says or the time is up: what was seen last."""
        end = start + step.get("within", ANSWER_S * 1000) / 1000
        while True:
            seen = self.ask(step, start)
            is_enough = isinstance(seen, str) or not self.wrong(step["until"], seen, dict(self.kept))
            if is_enough or time.monotonic() >= end: return seen
            time.sleep(AGAIN_S)

    def ask(self, step, start):
        request = overlay(ask_of(step), self.server.templates)
        names = HOLE.findall(json.dumps(request)) + ([request["submit"]] if "submit" in request else [])
        missing = [name for name in names if name[0] != "/" and name not in self.kept]
        if missing: return f"nobody kept {missing[0]}"
        live = self.send(request)
        self.lives.append(live)
        if "open" in step: self.streams[step["open"]["stream"]] = live
        if "open" in step and "expect" not in step: return None
        is_open = "open" in step
        until(ANSWER_S, lambda: live.ended or live.broken or (is_open and live.status is not MISSING))
        if live.status == 429:
            self.server.was_limited = True
            return LIMITED
        if live.broken or not (live.ended or is_open and live.status is not MISSING):
            live.close()
            return f"no answer: {live.broken or 'it does not end'}"
        if is_open: return live.head(start)
        page = live.text if re.match(r"text/html\b", live.headers.get("content-type", ""), re.I) else None
        location = live.headers.get("location")
        return live.view(FAR, start) | {
            "body": live.text, "json": parse(live.text),
            "form": form_of(page, live.url) if page else MISSING,
            "location": location_of(location, live.url) if location else MISSING,
        }

    def send(self, request):
        kept, server = self.kept, self.server
        body = fill(request["body"], lambda name: kept.get(name, MISSING)) if "body" in request else MISSING
        look = lambda name: pointed(body, name) if name[0] == "/" else kept.get(name, MISSING)
        page = kept.get(request.get("submit"), {})
        method = request.get("method") or page.get("method") or "GET"
        untouched = [(n, one) for n, one in page.get("fields", {}).items() if n not in request.get("form", {})]
        form = urlencode(untouched + pairs_of(request.get("form"), look))
        is_form = bool({"form", "submit"} & request.keys()) and not {"raw", "bytes"} & request.keys()
        address = text_of(fill(request.get("path") or page.get("action") or "{{endpoint}}", look))
        queries = [urlencode(pairs_of(request.get("query"), look)), form if is_form and method == "GET" else ""]
        for query in filter(None, queries): address += ("&" if "?" in address else "?") + query
        url = urljoin(server.url, address)
        if origin_of(url) not in [server.origin] + [server.elsewhere] * ("{{elsewhere}}" in self.words):
            raise ValueError(f"{origin_of(url)} is another server: nothing was sent there")
        data = self.bytes_of(request, body, look) if not is_form else b"" if method == "GET" else form.encode()
        headers = pairs_of(request.get("headers"), look)
        names = {name.lower() for name, _ in headers}
        if is_form and data and "content-type" not in names: headers.append(("Content-Type", FORM))
        if "basic" in request:
            pair = ":".join(quote_plus(text_of(fill(half, look))) for half in request["basic"])
            headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
        if "as" in request and "authorization" not in names:
            headers.append(("Authorization", f"Bearer {server.token_of(request['as'])}"))
        piece = request.get("chunked") or (-(-len(data) // 64) if self.mode == "bytes" else 0)
        jar = self.jars.setdefault(request["jar"], {}) if "jar" in request else None
        return Answer(method, url, headers, data, piece if data else 0, jar)

    def bytes_of(self, request, body, look):
        if "bytes" in request: return base64.b64decode(request["bytes"])
        raw = request.get("raw", {"text": text_of(body), "times": 1})
        texts = [part["text"] * part["times"] if isinstance(part, dict) else text_of(fill(part, look))
                 for part in (raw if isinstance(raw, list) else [raw])]
        return "".join(texts).encode("utf-8", "surrogatepass")

    def judge(self, number, step, seen):
        """Tries all checks of a step. Gives why the walk must stop, if it must."""
        stop = None
        for check in step.get("expect", []):
            lack = self.lack(check.get("needs", []))
            wrong = None if lack else self.wrong(check, seen, self.kept)
            if "proves" in check:
                verdict = "untested" if lack else "fail" if wrong else "pass"
                self.findings.append((number, check["proves"], verdict, lack or wrong))
            elif wrong: stop = stop or f"step {number}: {wrong}"
        return stop

    def wrong(self, check, seen, kept):
        fields = {f"header {name.lower()}": rule for name, rule in check.get("headers", {}).items()}
        seen = seen | {f"header {name}": value for name, value in seen["headers"].items()}
        for name, rule in [*check.items(), *fields.items()]:
            if name in NO_PARTS: continue
            actual = seen.get(name, MISSING)
            if not matches(rule, actual, kept):
                return f"{name}: {shown(rule)} was expected, {shown(actual)} was seen"
        return None
