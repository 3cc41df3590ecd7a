// A server with the servant of hello.tars, made with @tars/rpc. It prints its port, and ends with its standard input.
"use strict";

const { server } = require("@tars/rpc");
const { hello, push } = require("./hello");
const { push: send, servantClass } = require("./rpc");

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const failure = (code, text) => Object.assign(new Error(text), { code });

const held = [];

const methods = {
  hello: async (_current, { no, name }) => ({ "": `hello ${name} #${no}` }),
  echo: async (_current, { in: value }) => ({ "": value.ints.length, result: value }),
  fail: async (_current, { code, why }) => {
    throw failure(Math.max(code, -99) || -99, why);
  },
  // A negative one waits for the next that is not.
  slow: async (_current, { ms }) => {
    if (ms < 0) await new Promise((resolve) => held.push(resolve));
    else {
      await wait(ms);
      held.splice(0).forEach((resolve) => resolve());
    }
    return { "": ms };
  },
  context: async (current, { name }) => {
    current.setResponseContext({ seen: name });
    return { "": current.getContext().get(name) ?? "" };
  },
  registerPush: async (current, { intervalMs }) => {
    let n = 0;
    const timer = setInterval(() => {
      if (!send(current, push, "pushMsg", { msg: `push ${n++}` })) clearInterval(timer);
    }, intervalMs);
    return { "": 0 };
  },
};

const started = server.createServer(servantClass(hello, methods));
started.start({ servant: "TestApp.HelloServer.HelloObj", endpoint: "tcp -h 127.0.0.1 -p 0 -t 60000", protocol: "tars" });
// @tars/rpc does not report the port that the system has chosen.
const listener = started._server._adapters[0]._netthread._listener;
listener.on("listening", () => process.stdout.write(`${listener.address().port}\n`));
process.stdin.resume().on("close", () => process.exit(0));
