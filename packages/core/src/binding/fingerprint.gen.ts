// Made by tools/codegen.mjs from native/include/flambeau/*.def. Do not edit.
/** What the addon must have been generated with. */
export const FINGERPRINT = 'a3511cc7c36a05bb'
