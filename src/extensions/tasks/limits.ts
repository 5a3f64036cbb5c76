/** The limits of tasks: bytes, counts and times. src/README.md lists them with those of the other parts. */

/** Tasks of one caller, or of one address of strangers, that may be at work or wait. */
export const MAX_RUNNING_TASKS = 100;
/** The same of all strangers, in each of the objects that count them. */
export const MAX_STRANGERS_TASKS = 10_000;
/** How many objects count the tasks of strangers. */
export const STRANGER_POOLS = 4;
/** Milliseconds in which the tasks that take the room are asked once whether they still run, or wait for a client that is gone. */
export const RECOUNT_MS = 60_000;
/** Milliseconds after which it is written anew that the client of a task that waits has come. */
export const SEEN_MS = 600_000;
/** Milliseconds without its client after which a task that waits for it makes room: an hour, and what may not be written yet. */
export const IDLE_TASK_MS: number = 3_600_000 + SEEN_MS;

/** Tasks of one caller, or of one address of strangers, that are kept when they have ended, and their bytes together. */
export const MAX_ENDED_TASKS = 1_000;
export const MAX_ENDED_BYTES = 100_000_000;

/**
 * Bytes that a task keeps of its call: arguments, questions, answers; or, once it has ended, its result. So much less than one
 * message may have that there is room for what an answer to `tasks/get` says beside it.
 */
export const MAX_TASK_BYTES = 1_850_000;
/** Bytes of that which are left for what the task notes by itself: a status message, times. */
export const TASK_NOTES_BYTES = 4_096;
/** Bytes of what its steps gave, together. */
export const MAX_STEPS_BYTES = 8_388_608;
/** What is said of more than that, or of more than {@link MAX_TASK_BYTES}. */
export const TOO_LARGE = "More bytes than a task keeps: do it in parts";
/** Characters of a status message. */
export const MAX_STATUS_CHARACTERS = 500;

/** How often a step that fails is tried. `retryDelayMs` says how long it is waited in between. */
export const MAX_STEP_ATTEMPTS = 5;
/** Milliseconds of work after which the next step begins in another run, with a time of its own: an alarm may take 15 minutes. */
export const RUN_MS = 60_000;

/** Milliseconds until the next try, where settings are missing or the hub cannot be asked. */
export const POSTPONED_MS = 300_000;
/** Milliseconds that a task may take from its start, or from when it last asked or was answered. */
export const OPEN_TASK_TTL_MS: number = 30 * 86_400_000;
/** Milliseconds for which a task is kept when it has ended, unless there are too many. */
export const ENDED_TASK_TTL_MS = 86_400_000;

/**
 * Milliseconds between two polls that a client is told: a quarter of the time since the task began, or was asked or answered
 * last, within these. A caller may send 600 requests of each method in a minute about a sixteenth of its tasks, as wrangler.toml
 * has it: a task is polled 16 times in its first minute.
 */
export const MIN_POLL_INTERVAL_MS = 1_000;
export const MAX_POLL_INTERVAL_MS = 60_000;

/** Streams that may listen to one task. */
export const MAX_TASK_LISTENERS = 8;
/** Tasks that one stream may listen to. */
export const MAX_LISTENED_TASKS = 100;
