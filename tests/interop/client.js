// Calls the servant of hello.tars with @tars/rpc. It runs a call for each line on standard input:
//
//     {"id", "version", "object", "function", "arguments": {NAME: value}, "context", "packetType", "raw"}
//
// and prints a line for each response and each push, as they arrive:
//
//     {"id", "values": {NAME: value}, "context"}
//     {"id", "error": {"code", "text"}}
//     {"push": FUNCTION, "values"}
//
// A struct is its encoding in hex, and `raw` is hex in place of arguments. It ends with its input. The argument is the
// endpoint. It is deliberately not a test: the Rust code checks the output.
"use strict";

const readline = require("node:readline");

const { Communicator, rpcTars } = require("@tars/rpc");
const { fromHex, hello, push, toHex } = require("./hello");
const { proxyClass, read } = require("./rpc");

// Lines of @tars/rpc itself are none of ours.
console.info = console.log = console.error;
const print = (line) => process.stdout.write(JSON.stringify(line) + "\n");

/** The protocol of @tars/rpc, which drops what no call waits for. */
class WithPushes extends rpcTars.client {
  constructor() {
    super();
    this.on("message", ({ iRequestId, origin }) => {
      if (iRequestId !== 0) return;
      const name = origin.status.get("TARS_FUNC");
      print({ push: name, values: read(origin.iVersion, push[name].inputs, origin.sBuffer) });
    });
  }
}

const endpoint = process.argv[2];
const Hello = proxyClass(hello);
const proxies = {};

/** One proxy for each object and version, which is that of its connection. A communicator has one connection for an object. */
function proxy(object, version) {
  return (proxies[`${object} ${version}`] ??= create(object, version));
}

function create(object, version) {
  const made = Communicator.New().stringToProxy(Hello, `${object}@${endpoint}`);
  made.setVersion(version);
  made.setProtocol(WithPushes);
  // It would close the connection after failures in a row, although it gets its responses.
  made._worker.setCheckTimeoutInfo({ frequenceFailInvoke: Infinity, minTimeoutInvoke: Infinity });
  return made;
}

async function run({ id, version, object, function: name, arguments: values = {}, raw, ...property }) {
  if (values.in) values.in = fromHex("All", values.in);
  if (raw !== undefined) property.raw = Buffer.from(raw, "hex");
  try {
    const { values: results, context } = await proxy(object, version).call(name, values, property);
    if (results.result) results.result = toHex(results.result);
    print({ id, values: results, context });
  } catch (failed) {
    if (!failed.error) throw failed;
    const { code, message } = failed.error;
    // In TUP, @tars/rpc has the text in the status only.
    print({ id, error: { code, text: message || failed.response?.status.get("STATUS_RESULT_DESC") || "" } });
  }
}

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => run(JSON.parse(line)));
lines.on("close", () => process.exit(0));
