// Runs @tars/stream on structs of interop.tars, and prints a line of hex for each line on standard input:
//
//     again STRUCT HEX      reads it, and writes it again
//     random STRUCT SEED    writes a random value
//
// It is deliberately not a test: the Rust code checks the output.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");

const Tars = require("@tars/stream");
const { random } = require("./random");
const { classes } = require("./stream");
const { parse } = require("./tars");

const schema = parse(fs.readFileSync(path.join(__dirname, "interop.tars"), "utf8"));
const made = classes(schema);

const commands = {
  again: (name, hex) => made[name]._readFrom(new Tars.TarsInputStream(new Tars.BinBuffer(Buffer.from(hex, "hex")))),
  random: (name, seed) => random(schema, made, name, Number(seed)),
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const [command, name, argument] = line.split(" ");
  const output = new Tars.TarsOutputStream();
  commands[command](name, argument)._writeTo(output);
  console.log(output.getBinBuffer().toNodeBuffer().toString("hex"));
});
