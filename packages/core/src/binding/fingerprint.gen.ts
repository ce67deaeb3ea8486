// Made by tools/codegen.mjs from native/include/flambeau/*.def. Do not edit.
/** What the addon must have been generated with. */
export const FINGERPRINT = '097783cdf3b3ba56'
