/** What ends a build with one line for its owner, and no stack. */
'use strict';

class BuildError extends Error {}

module.exports = { BuildError };
