// Made by tools/codegen.mjs from native/include/flambeau/*.def. Do not edit.
/** What the addon must have been generated with. */
export const FINGERPRINT = 'a1da2554e578c3cf'
