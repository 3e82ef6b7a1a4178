// A vec4 of `input`: of a buffer, or with LEFT_SHEET of a texture of 1,024 columns (engine/sheet.ts).
//# if LEFT_SHEET
fn inputAt(i: u32) -> vec4f { return textureLoad(input, vec2u(i % 1024u, i / 1024u)); }
//# else
fn inputAt(i: u32) -> vec4f { return input[i]; }
//# end
