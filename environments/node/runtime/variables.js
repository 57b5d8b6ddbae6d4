/**
 * Variables of the function, from the load request.
 *
 * A pod is started before anybody knows for which function, so its variables come with the load
 * request and are set before any of its code is imported. What fails to load leaves none behind.
 */
'use strict';

/** In the answer to a load request with variables: how many were set. */
const HEADER = 'X-Fission-Env';

/** The variables by name; throws an error that does not show values. */
function parse(loadRequest) {
  const found = loadRequest.env || {};
  if (typeof found !== 'object' || Array.isArray(found)) throw new Error('env is no object');
  for (const [name, value] of Object.entries(found)) {
    if (name === '' || /[=\0]/.test(name)) {
      throw new Error(`env: ${JSON.stringify(name)} cannot be the name of a variable`);
    }
    if (typeof value !== 'string' || value.includes('\0')) {
      throw new Error(`env: the value of ${name} is no text without NUL`);
    }
  }
  return found;
}

/** Set them for this process and those that it starts; returns what takes them back. */
function apply(variables) {
  const before = Object.keys(variables).map((name) => [name, process.env[name]]);
  Object.assign(process.env, variables);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

module.exports = { HEADER, parse, apply };
