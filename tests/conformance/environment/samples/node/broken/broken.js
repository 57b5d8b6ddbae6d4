/** A package that lacks what it needs. */
'use strict';

require('a_module_that_is_nowhere');

exports.main = async () => ({ status: 200, body: '' });
