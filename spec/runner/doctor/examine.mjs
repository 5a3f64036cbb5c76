/** The steps of an examination in their order: what one learns, the next goes on with. */

import { examineAddress } from "./address.mjs";
import { examineAuthorization, examineToken } from "./authorization.mjs";
import { newExamination } from "./examination.mjs";
import { examineSession, examineStateless } from "./first-call.mjs";
import { examineFirstRequest } from "./first-request.mjs";
import { examineIssuer } from "./issuer.mjs";
import { examineRegistration } from "./registration.mjs";
import { examineResource } from "./resource.mjs";
import { examineTools } from "./tools.mjs";

/** Examines the server that the settings name; resolves to the whole run. @throws a sentence when nobody answers. */
export async function examine(settings) {
  const run = newExamination(settings);
  examineAddress(run);
  await examineFirstRequest(run);
  await examineResource(run);
  await examineIssuer(run);
  await examineRegistration(run);
  await examineAuthorization(run);
  await examineToken(run);
  await examineSession(run);
  await examineStateless(run);
  examineTools(run);
  return run;
}
