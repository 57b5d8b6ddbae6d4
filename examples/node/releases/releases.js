/** Answers which release of a list fits a range best: `?range=^1.2.0&of=1.2.9,1.10.0,2.0.0`. */
'use strict';

const semver = require('semver');

module.exports = async ({ request }) => {
  const { range, of } = request.query;
  if (!range || !of || semver.validRange(range) === null) {
    return { status: 400, body: 'range and of are needed, such as range=^1.2.0&of=1.2.9,1.10.0\n' };
  }
  const best = semver.maxSatisfying(of.split(','), range);
  return best === null ? { status: 404, body: 'none\n' } : { status: 200, body: `${best}\n` };
};
