// Made by tools/codegen.mjs from native/include/flambeau/*.def. Do not edit.
/** What the addon must have been generated with. */
export const FINGERPRINT = '29a3629c5cac9f97'
