// The worker's entry point. What a gateway asks about messages is admitted before its body is read and decided on after it,
// each in one synchronous call where the isolate's cache has what that rests on: a promise and its wrappers for each request
// cost more than the decision itself. Everything else is answered as worker-build's own entry point answers it. A trap or a
// hang of ours is an accept in the gateway's dialect.
import Built, { Ledger, Operator } from "./index.js";

export { Ledger, Operator };

// worker-build (0.8.7) leaves exported functions on the prototype as they are,
const { admit, admitLater, decide, decideLater, excuse, hangsAfter, questions, ready } = Built.prototype;
// and looks here, before it runs any of its own, whether the instance has to be made anew
const recovery = globalThis.__worker_init_state;

/** What gateways ask, by its path: the octets of a body that are read, and the accept where nothing can be asked. */
const QUESTIONS = new Map(
  questions().map(([path, longest, accept, type]) => [path, { longest, accept, type }]),
);

// an object: what is exported to other workers is this alone
export default {
  fetch(request, env, context) {
    const question = QUESTIONS.get(pathOf(request.url));
    return question ? answer(request, env, context, question) : new Built(context, env).fetch(request);
  },

  email: (message, env, context) => new Built(context, env).email(message),
};

async function answer(request, env, context, question) {
  let body = {};
  try {
    revive(env, context);
    const admitted = admit(request, env, context) ?? (await inTime(admitLater(request, env, context)));
    if (admitted instanceof Response) return admitted;
    body = await read(request, question.longest);
    revive(env, context);
    const decided = decide(admitted, body.octets, body.rest, env, context);
    return decided instanceof Response ? decided : await inTime(decideLater(decided, env, context));
  } catch (error) {
    console.error("accepted without a decision:", error);
    // a stack that is used up is a RangeError
    if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError)
      recovery.criticalError = true;
  }
  const { accept, type } = question;
  try {
    const octets = body.octets ?? (await read(request, question.longest)).octets;
    revive(env, context);
    return excuse(request, octets, env, context);
  } catch (error) {
    console.error("and not counted:", error);
    return new Response(accept, {
      status: accept === undefined ? 503 : 200,
      headers: { "content-type": type },
    });
  }
}

/** Makes an instance that trapped anew, once, and before anything is handed to it. */
function revive(env, context) {
  if (recovery.criticalError) new Built(context, env);
  ready();
}

/** The path as it is written. */
function pathOf(url) {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const end = url.indexOf("?", start);
  return url.slice(start, end < 0 ? undefined : end);
}

/**
 * The first octets of a body, at most so many, and where they are not all of it what reads the rest; nothing of a body that
 * breaks off. What lies behind is neither read nor awaited.
 */
async function read(request, longest) {
  try {
    // a length that is not told is no number
    const isShort = Number(request.headers.get("content-length") ?? Number.NaN) <= longest;
    if (isShort || !request.body) return { octets: new Uint8Array(await request.arrayBuffer()) };
    const rest = request.body.getReader();
    const pieces = [];
    for (let room = longest; ; room -= pieces.at(-1).length) {
      const { done, value } = await rest.read();
      if (!done) pieces.push(value.subarray(0, room));
      if (done || value.length > room) {
        const octets = new Uint8Array(await new Blob(pieces).arrayBuffer());
        return done ? { octets } : { octets, rest };
      }
    }
  } catch {
    return {};
  }
}

async function inTime(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("nothing came of it in time")), hangsAfter());
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
