'use strict';
/** Starts a program of the sandbox: `judge FOLDER`, `subject FOLDER` or `program`; as __main__.py. */
const [name, folder] = process.argv.slice(2);

if (name === 'program') {
  const fs = require('node:fs');
  const vm = require('node:vm');
  const { prepareGlobals, FILE } = require('./subject.cjs');
  const { asScript } = require('./modules.cjs');
  const { code } = JSON.parse(fs.readFileSync(0, 'utf8'));
  prepareGlobals();
  new vm.Script(asScript(code), { filename: FILE }).runInThisContext();
} else {
  require(name === 'judge' ? './judge.cjs' : './subject.cjs').main(folder);
}
