// The interfaces of hello.tars, and their values in lines of JSON: a struct is its encoding in hex.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const Tars = require("@tars/stream");
const { functionsOf } = require("./rpc");
const { classes } = require("./stream");
const { parse } = require("./tars");

const file = path.join(__dirname, "..", "..", "examples", "tars", "hello.tars");
const schema = parse(fs.readFileSync(file, "utf8"));
const made = classes(schema);

const fromHex = (name, hex) => made[name]._readFrom(new Tars.TarsInputStream(new Tars.BinBuffer(Buffer.from(hex, "hex"))));

function toHex(value) {
  const output = new Tars.TarsOutputStream();
  value._writeTo(output);
  return output.getBinBuffer().toNodeBuffer().toString("hex");
}

module.exports = {
  hello: functionsOf(schema, made, "Hello"),
  push: functionsOf(schema, made, "Push"),
  fromHex,
  toHex,
};
