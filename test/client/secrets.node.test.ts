// The watch over what servers print sees what it is there for.
import { expect, it } from "vitest";
import { linesWithSecrets, registerSecrets } from "./secrets.node.ts";

const PROOF = "hK2-uJ_0vX9sQ4mB7cN1aZ5xW8eR3tY6pL0oI2uT4yE";

it.each([
  ["sealed", `test.${PROOF}aBcD`],
  ["signed", `test.0f1e2d.${PROOF}`],
  ["a JWT", `eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.${PROOF}`],
])("knows what is %s, wherever it stands in a line", (_, text) => {
  expect(
    linesWithSecrets(
      `ready\n{"event":"x","token":"${text}"}\nGET /callback?code=${text}&state=s 200`,
    ),
  ).toHaveLength(2);
});

it("knows what it was told, as it is and in a form", () => {
  registerSecrets("hunter: two & three", "", undefined, null);
  expect(
    linesWithSecrets(
      'key "hunter: two & three"\nkey=hunter%3A%20two%20%26%20three\nkey=hunter%3A+two+%26+three',
    ),
  ).toHaveLength(3);
});

it("knows a long secret by its end", () => {
  registerSecrets("0123456789abcdefghijklmnopqrstuvwxyz");
  expect(linesWithSecrets("…ghijklmnopqrstuvwxyz")).toHaveLength(1);
});

it("finds nothing in an audit line", () => {
  const facts = {
    event: "oauth.granted",
    client: `dcr:${PROOF.slice(0, 22)}`,
    account: PROOF,
    grant: "0f".repeat(32),
  };
  expect(
    linesWithSecrets(
      `${JSON.stringify(facts)}\n{"event":"oauth.refused","reason":"token.absent"}\n`,
    ),
  ).toEqual([]);
});
