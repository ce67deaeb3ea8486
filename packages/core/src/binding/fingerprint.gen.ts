// Made by tools/codegen.mjs from native/include/flambeau/*.def. Do not edit.
/** What the addon must have been generated with. */
export const FINGERPRINT = 'd8b3de29c95ec58f'
