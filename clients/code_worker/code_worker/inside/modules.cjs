'use strict';
/** Convert modules to scripts: `import` becomes `require`, `export` is removed, so that all top-level names are visible. */

const names = (text) => text.replace(/\bas\b/g, ':').replace(/\bdefault\s*:/g, 'default:').trim();

/** Convert a text to a script with the same lines. `require` is called `load`, and `pick` chooses a default export. */
function asScript(text, load = 'require', pick = '__default') {
  const last = [];
  const script = text
    .replace(/^([ \t]*)import\s+(['"][^'"\n]+['"])[ \t]*;?/gm, `$1${load}($2);`)
    .replace(/^([ \t]*)import\s+\*\s+as\s+([\w$]+)\s+from\s+(['"][^'"\n]+['"])[ \t]*;?/gm, `$1const $2 = ${load}($3);`)
    .replace(/^([ \t]*)import\s+([\w$]+)\s*,\s*\{([^}]*)\}\s*from\s+(['"][^'"\n]+['"])[ \t]*;?/gm,
      (_, space, name, list, from) => `${space}const ${name} = ${pick}(${load}(${from}), '${name}'); const {${names(list)}} = ${load}(${from});`)
    .replace(/^([ \t]*)import\s+\{([^}]*)\}\s*from\s+(['"][^'"\n]+['"])[ \t]*;?/gm,
      (_, space, list, from) => `${space}const {${names(list)}} = ${load}(${from});`)
    .replace(/^([ \t]*)import\s+([\w$]+)\s+from\s+(['"][^'"\n]+['"])[ \t]*;?/gm, `$1const $2 = ${pick}(${load}($3), '$2');`)
    .replace(/^([ \t]*)export\s+default\s+((?:async\s+)?(?:function|class)\b\s*\*?\s*)([\w$]+)/gm, (_, space, kind, name) => {
      if (name !== 'extends') last.push(`module.exports.default = ${name};`);
      return name === 'extends' ? `${space}module.exports.default = ${kind}${name}` : `${space}${kind}${name}`;
    })
    .replace(/^([ \t]*)export\s+default\s+/gm, '$1module.exports.default = ')
    .replace(/^([ \t]*)export\s+(?=(async|function|class|const|let|var)\b)/gm, '$1')
    .replace(/^([ \t]*)export\s*\{[^}]*\}\s*(from\s+['"][^'"\n]+['"])?[ \t]*;?/gm, '$1');
  return [script, ...last].join('\n');
}

module.exports = { asScript };
