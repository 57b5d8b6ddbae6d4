/** Answers what the promises ask, by path. */
'use strict';

const answers = require('./answers');

exports.main = async (context) => {
  const name = context.request.path.slice(1);
  return Object.hasOwn(answers, name) ? answers[name](context) : { status: 200, body: 'hello' };
};
