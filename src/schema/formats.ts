/**
 * The four formats that elicitation forms may ask for: email, uri, date, date-time.
 * Follows RFC 3339 for dates, RFC 3986 for URIs, and for email the addresses that HTML forms accept (dot-atoms only).
 * Leaves other formats alone: they annotate. Each pattern is read in linear time.
 */

interface Format {
  readonly like: string;
  readonly test: (text: string) => boolean;
}

export const FORMATS: Map<unknown, Format> = new Map<unknown, Format>([
  ["email", { like: "an email address", test: isEmail }],
  ["uri", { like: "an absolute URI", test: isUri }],
  ["date", { like: "a date as YYYY-MM-DD", test: isDate }],
  ["date-time", { like: "a date and time as YYYY-MM-DDThh:mm:ssZ", test: isDateTime }],
]);

function isEmail(text: string): boolean {
  const [local = "", domain = "", more] = text.split("@");
  const atoms = /^[\w!#$%&'*+/=?^`{|}~-]+$/;
  const label = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
  return (
    more === undefined &&
    text.length <= 254 &&
    local.split(".").every((atom) => atoms.test(atom)) &&
    domain.split(".").every((part) => label.test(part))
  );
}

/** RFC 3986, appendix A, without the rules of single schemes. Square brackets stand only around an IP address. */
const CHARS = String.raw`\w.~!$&'()*+,;=%-`;
const AUTHORITY = String.raw`(?:[${CHARS}:]*@)?(?:\[[0-9A-Fa-f:.]+\]|[${CHARS}]*)(?::\d*)?(?![^/?#])`;
const AFTER = String.raw`[${CHARS}:@/]*(?:\?[${CHARS}:@/?]*)?(?:#[${CHARS}:@/?]*)?`;
const URI = new RegExp(`^[A-Za-z][A-Za-z0-9+.-]*:(?://${AUTHORITY}|(?!//))${AFTER}$`);

function isUri(text: string): boolean {
  return URI.test(text) && !/%(?![0-9A-Fa-f]{2})/.test(text);
}

function isDate(text: string): boolean {
  const [, year = 0, month = 0, day = 0] = (/^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? []).map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day >= 1 && day <= (days[month - 1] ?? 0);
}

/** RFC 3339, section 5.6. A leap second stands only at 23:59:60 UTC. */
function isDateTime(text: string): boolean {
  const parts = /^(.{10})[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/.exec(text);
  if (!parts || !isDate(parts[1] ?? "")) return false;
  const [hour = 0, minute = 0, second = 0] = parts.slice(2, 5).map(Number);
  const [hours, minutes] = [Number(parts[6] ?? 0), Number(parts[7] ?? 0)];
  if (hour > 23 || minute > 59 || hours > 23 || minutes > 59) return false;
  const offset = (hours * 60 + minutes) * (parts[5] === "-" ? -1 : 1);
  const utc = (hour * 60 + minute - offset + 2 * 1440) % 1440;
  return second <= 59 || (second === 60 && utc === 1439);
}
