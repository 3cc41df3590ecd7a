// Proxies and servants of the interfaces of a schema, on top of @tars/rpc: what tars2node would write, made at run time.
"use strict";

const Tars = require("@tars/stream");
const { ServantProxy, error: codes } = require("@tars/rpc");
const { ResponsePacket } = require("@tars/rpc/core/rpc-tars/RequestF.js").tars;
const { codec } = require("./stream");

const { TUP_COMPLEX, TUP_SIMPLE, JSON_VERSION } = Tars.Tup;
const VERSION = 1;

/** What a function takes and returns: `{inputs: [{tag, name, read, …}], outputs: […]}`. The result is the output without a name. */
function functionsOf(schema, made, interfaceName) {
  const functions = {};
  for (const [name, { result, parameters }] of Object.entries(schema.interfaces[interfaceName])) {
    const all = parameters.map(({ isOut, type, name }, index) => {
      return { isOut, tag: index + 1, name, ...codec(type, schema, made) };
    });
    const inputs = all.filter(({ isOut }) => !isOut);
    const outputs = all.filter(({ isOut }) => isOut);
    if (result.name !== "void") outputs.unshift({ tag: 0, name: "", ...codec(result, schema, made) });
    functions[name] = { inputs, outputs };
  }
  return functions;
}

const isTup = (version) => version === TUP_SIMPLE || version === TUP_COMPLEX;

/** Writes values by their names: an object with `encode` in TUP, and a buffer otherwise. */
function write(version, fields, values) {
  if (version === JSON_VERSION) {
    const members = fields.map(({ name }) => [name || "tars_ret", values[name]]);
    return new Tars.BinBuffer(Buffer.from(JSON.stringify(Object.fromEntries(members))));
  }
  const out = isTup(version) ? new Tars.UniAttribute() : new Tars.TarsOutputStream();
  if (isTup(version)) out.tupVersion = version;
  for (const { tag, name, write } of fields) write(out, isTup(version) ? name : tag, values[name]);
  return isTup(version) ? out : out.getBinBuffer();
}

/** Reads values from a buffer, or from attributes. */
function read(version, fields, source) {
  if (version === JSON_VERSION) return JSON.parse(source.toNodeBuffer().toString());
  let from = source;
  if (!isTup(version)) {
    from = new Tars.TarsInputStream(source);
  } else if (!(source instanceof Tars.UniAttribute)) {
    from = new Tars.UniAttribute();
    from.tupVersion = version;
    from.decode(source);
  }
  const one = ({ tag, name, read, readNamed }) => (isTup(version) ? readNamed(from, name) : read(from, tag, true));
  return Object.fromEntries(fields.map((field) => [field.name, one(field)]));
}

/** The class of a proxy, for `stringToProxy`. */
function proxyClass(functions) {
  return class extends ServantProxy {
    /** The version of all calls; before the first of them. */
    setVersion(version) {
      this._worker.version = version;
    }

    /** Calls a function with values by their names, or with the bytes of `raw`. */
    async call(name, values, { raw, ...property } = {}) {
      const version = this._worker.version;
      const { inputs, outputs } = functions[name] ?? { inputs: [], outputs: [] };
      const body = raw ? new Tars.BinBuffer(raw) : write(version, inputs, values);
      const { response } = isTup(version)
        ? await this._worker.tup_invoke(name, raw ? { encode: () => body } : body, property)
        : await this._worker.tars_invoke(name, body, property);
      const context = {};
      response.context.forEach((key, value) => (context[key] = value));
      return { values: read(version, outputs, response.tup ?? response.sBuffer), context };
    }
  };
}

/** The class of a servant, for a server: `methods` take the current call and its values, and return a promise of the outputs. */
function servantClass(functions, methods) {
  return class {
    initialize() {}

    onDispatch(current, name, buffer) {
      const version = current.getRequestVersion();
      const send = (outputs, values) => {
        const body = write(version, outputs, values);
        current.doResponse(isTup(version) ? body.encode() : body);
      };
      if (name === "tars_ping") {
        send([{ tag: 0, name: "", write: (os, key, value) => os.writeInt32(key, value) }], { "": 0 });
        return codes.SUCCESS;
      }
      if (!functions[name]) return codes.SERVER.FUNC_NOT_FOUND;
      const { inputs, outputs } = functions[name];
      // What it throws becomes a response that says so.
      const values = read(version, inputs, buffer);
      methods[name](current, values).then(
        (results) => send(outputs, results),
        (error) => current.sendErrorResponse(error.code, error.message),
      );
      return codes.SUCCESS;
    }
  };
}

/** Pushes to the connection of a call, until it has ended. @tars/rpc has no pushes of its own: this is their packet. */
function push(current, functions, name, values) {
  const socket = current._transceiver.socket;
  if (!socket) return false;
  const packet = new ResponsePacket();
  packet.iVersion = VERSION;
  packet.status.insert("TARS_FUNC", name);
  packet.sBuffer = write(VERSION, functions[name].inputs, values);
  const os = new Tars.TarsOutputStream();
  os.setHeaderLength(0);
  packet._writeTo(os);
  os.setHeaderLength(os.getBinBuffer().length);
  socket.write(os.getBinBuffer().toNodeBuffer());
  return true;
}

module.exports = { functionsOf, proxyClass, push, read, servantClass };
