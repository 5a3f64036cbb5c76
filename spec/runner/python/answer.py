"""One request and its answer while it comes, over http.client: JSON, Server-Sent Events, forms, cookies and redirects.
Each request has a connection of its own, and is sent before the next step begins. Nothing goes to another server.
"""
import codecs, http.client, re, socket, threading, time
from html.parser import HTMLParser
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from match import MISSING, parse

MOST_BYTES = 16 * 2**20
origin_of = lambda url: f"{urlsplit(url).scheme}://{urlsplit(url).netloc}".lower()

class FormReader(HTMLParser):
    """The first form of a page, with its fields as a browser would send them untouched."""
    def __init__(self, page, base):
        super().__init__()
        self.base, self.form, self.is_closed = base, None, False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        kind = (attrs.get("type") or "text").lower()
        if tag == "form" and self.form is None:
            action = urljoin(self.base, attrs.get("action") or "")
            method = (attrs.get("method") or "get").upper()
            self.form = {"action": action, "method": method, "fields": {}}
        is_off = kind in ("checkbox", "radio") and "checked" not in attrs
        if tag == "input" and self.form and not self.is_closed and "name" in attrs and not is_off:
            if kind not in ("submit", "button", "image", "reset"):
                self.form["fields"][attrs["name"]] = attrs.get("value") or ""

    def handle_endtag(self, tag):
        self.is_closed |= tag == "form"

def form_of(page, base):
    try:
        reader = FormReader(page, base)
    except AssertionError:  # what html.parser makes of a declaration that is none
        return MISSING
    return reader.form if reader.form and reader.is_closed else MISSING

def location_of(value, base):
    whole, _, fragment = value.partition("#")
    url, _, query = whole.partition("?")
    values = {}
    for name, one in parse_qsl(query, keep_blank_values=True): values.setdefault(name, []).append(one)
    return {
        "url": urljoin(base, url) if url.startswith("/") else url,
        "query": {name: ones[0] if len(ones) == 1 else ones for name, ones in values.items()},
        **({"fragment": fragment} if fragment else {}),
    }

class Answer:
    """`taken`, `heard`, `told`: how many messages, events and comments a check has seen. `marks`: of each message, how many
    events had come with it."""
    def __init__(self, method, url, headers, body, piece, jar):
        self.url, self.jar, self.status, self.headers, self.text = url, jar, MISSING, {}, ""
        self.messages, self.events, self.marks, self.comments = [], [], [], 0
        self.taken = self.heard = self.told = 0
        self.ended, self.broken, self.event, self.line = False, None, {}, ""
        self.connect(method, headers, body, piece)
        threading.Thread(target=self.receive, daemon=True).start()

    def connect(self, method, headers, body, piece):
        at = urlsplit(self.url)
        kind = http.client.HTTPSConnection if at.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(at.hostname, at.port, timeout=60)
        self.connection.connect()
        self.socket = self.connection.sock
        path = quote((at.path or "/") + (f"?{at.query}" if at.query else ""), "/%:=&?~+!$,;'@()*[]")
        self.connection.putrequest(method, path, skip_accept_encoding=True)
        if self.jar: headers = [*headers, ("Cookie", "; ".join(map("=".join, self.jar.items())))]
        if piece: headers = [*headers, ("Transfer-Encoding", "chunked")]
        elif body or method == "POST": headers = [*headers, ("Content-Length", str(len(body)))]
        for name, value in headers: self.connection.putheader(name, value.encode("latin-1"))
        parts = [body[at:at + piece] for at in range(0, len(body), piece)] if piece else [body]
        try:
            self.connection.endheaders()
            for part in parts:
                self.connection.send(b"%x\r\n%s\r\n" % (len(part), part) if piece else part)
            if piece: self.connection.send(b"0\r\n\r\n")
        except OSError:
            pass  # A server may answer, and close, before it has read everything.

    def receive(self):
        try:
            response = self.respond()
            onward = urljoin(self.url, response.getheader("Location", ""))
            is_here = origin_of(onward) == origin_of(self.url)
            if self.jar is not None and response.status == 303 and is_here:
                self.url = onward
                self.connect("GET", [], b"", 0)
                response = self.respond()
            fields = {name.lower(): None for name, _ in response.getheaders()}
            self.headers = {name: ", ".join(response.headers.get_all(name)) for name in fields}
            self.status = response.status
            kind = self.headers.get("content-type", "").split(";")[0].strip().lower()
            self.read(response, kind == "text/event-stream")
            value = parse(self.text) if kind == "application/json" else None
            if value is not MISSING and value is not None:
                self.messages = value if isinstance(value, list) else [value]
            self.ended = True
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            self.broken = f"{type(error).__name__} {error}"

    def respond(self):
        response = self.connection.getresponse()
        for line in response.headers.get_all("Set-Cookie", []) if self.jar is not None else []:
            pair, *rules = line.split(";")
            name, _, value = pair.strip().partition("=")
            is_over = any(re.match(r"\s*max-age=(0|-)", rule, re.I) for rule in rules)
            self.jar.pop(name, None) if is_over else self.jar.update({name: value})
        return response

    def read(self, response, is_stream):
        decoder, size = codecs.getincrementaldecoder("utf-8-sig")("replace"), 0
        was_return = False
        while chunk := response.read1(65536):
            size += len(chunk)
            if size > MOST_BYTES: raise OSError("the answer is too long")
            text = decoder.decode(chunk)
            self.text += text
            if not is_stream or not text: continue
            news = text[1:] if was_return and text[0] == "\n" else text
            was_return = text[-1] == "\r"
            *lines, rest = re.split("\r\n|\n|\r", news)
            for line in lines:
                self.read_line(self.line + line)
                self.line = ""
            self.line += rest
        if response.length: raise OSError("the answer was cut off")

    def read_line(self, line):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line.startswith(":"): self.comments += 1
        elif name == "data": self.event["data"] = (self.event["data"] + "\n" if "data" in self.event else "") + value
        elif name == "retry": self.event["retry"] = int(value) if value.isdecimal() else float("nan")
        elif name in ("event", "id"): self.event[name] = value
        elif line == "":
            message = parse(self.event.get("data"))
            if self.event: self.events.append(self.event)
            if message is not MISSING:
                self.marks.append(len(self.events))
                self.messages.append(message)
            self.event = {}

    def view(self, count, start):
        """What a check sees: at most `count` messages that no check has seen, and what came with them."""
        messages = self.messages[self.taken:self.taken + count]
        last, events, comments = self.taken + len(messages), len(self.events), self.comments
        heard = (self.marks[last - 1] if last else 0) if last < len(self.messages) else events
        replies = [one for one in messages if not (isinstance(one, dict) and "method" in one)]
        seen = {
            "messages": messages, "reply": replies[0] if len(replies) == 1 else MISSING,
            "events": self.events[self.heard:heard], "comments": comments - self.told,
            "status": self.status, "headers": self.headers, "ended": self.ended,
            "took": (time.monotonic() - start) * 1000,
        }
        if count: self.taken, self.heard, self.told = last, heard, comments
        return seen

    def head(self, start):
        """What a check sees of an answer that is left open: what came with the header is left for the first read."""
        return self.view(0, start) | {"events": [], "comments": 0}

    def close(self):
        try: self.socket.shutdown(socket.SHUT_RDWR)
        except OSError: pass
