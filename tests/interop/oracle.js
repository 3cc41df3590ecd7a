// Reads fields with @tars/stream and writes them again: one line `TYPE HEX` in, one line of hex out.
//
// What it deliberately is not: a test. The Rust side knows what should come out.
"use strict";

const Tars = require("@tars/stream");
const readline = require("node:readline");

/** A struct as tars2node writes it: `struct P { 0 require int x; 1 require string s; };`. */
function P() {
  this.x = 0;
  this.s = "";
  this._classname = "GV.P";
}
P._classname = "GV.P";
P._write = (os, tag, value) => os.writeStruct(tag, value);
P._read = (is, tag) => is.readStruct(tag, true, P);
P._readFrom = (is) => {
  const value = new P();
  value.x = is.readInt32(0, true, 0);
  value.s = is.readString(1, true, "");
  return value;
};
P.prototype._writeTo = function (os) {
  os.writeInt32(0, this.x);
  os.writeString(1, this.s);
};
P.prototype._equal = function () {
  return false;
};
P.prototype._genKey = function () {
  return this.x + this.s;
};
P.new = () => new P();
P.create = (is) => P._readFrom(is);

const SCALARS = {
  bool: ["Boolean", Tars.Boolean],
  byte: ["Int8", Tars.Int8],
  "unsigned byte": ["UInt8", Tars.UInt8],
  short: ["Int16", Tars.Int16],
  "unsigned short": ["UInt16", Tars.UInt16],
  int: ["Int32", Tars.Int32],
  "unsigned int": ["UInt32", Tars.UInt32],
  long: ["Int64", Tars.Int64],
  float: ["Float", Tars.Float],
  double: ["Double", Tars.Double],
  string: ["String", Tars.String],
};

/** How a type is read and written, and what stands for it in a container. */
function codec(type) {
  if (SCALARS[type]) {
    const [name, prototype] = SCALARS[type];
    return {
      prototype,
      read: (is) => is["read" + name](0, true),
      write: (os, value) => os["write" + name](0, value),
    };
  }
  if (type === "vector<byte>") {
    return {
      prototype: Tars.BinBuffer,
      read: (is) => is.readBytes(0, true, Tars.BinBuffer),
      write: (os, value) => os.writeBytes(0, value),
    };
  }
  if (type === "struct GV::P") {
    return {
      prototype: P,
      read: (is) => is.readStruct(0, true, P),
      write: (os, value) => os.writeStruct(0, value),
    };
  }
  const inner = type.slice(type.indexOf("<") + 1, -1);
  if (type.startsWith("vector<")) {
    const prototype = Tars.List(codec(inner).prototype);
    return {
      prototype,
      read: (is) => is.readList(0, true, prototype),
      write: (os, value) => os.writeList(0, value),
    };
  }
  const comma = inner.indexOf(",");
  const prototype = Tars.Map(codec(inner.slice(0, comma)).prototype, codec(inner.slice(comma + 1)).prototype);
  return {
    prototype,
    read: (is) => is.readMap(0, true, prototype),
    write: (os, value) => os.writeMap(0, value),
  };
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const at = line.lastIndexOf(" ");
  const { read, write } = codec(line.slice(0, at));
  const input = new Tars.TarsInputStream(new Tars.BinBuffer(Buffer.from(line.slice(at + 1), "hex")));
  const output = new Tars.TarsOutputStream();
  write(output, read(input));
  console.log(output.getBinBuffer().toNodeBuffer().toString("hex"));
});
