// Opens an exported document and prints what is in it, as JSON: `node open.mjs FILE`.
import { readFileSync } from "node:fs";
import * as Automerge from "@automerge/automerge";

const document = Automerge.load(new Uint8Array(readFileSync(process.argv[2])));
const heads = [...Automerge.getHeads(document)].sort();
console.log(JSON.stringify({ heads, document: Automerge.toJS(document) }, (_, value) =>
  typeof value === "bigint" || value instanceof Date ? Number(value) : value));
