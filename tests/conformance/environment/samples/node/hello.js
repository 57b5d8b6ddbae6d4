/** Answers everything with one word. */
'use strict';

module.exports = async () => ({ status: 200, body: 'hello' });
