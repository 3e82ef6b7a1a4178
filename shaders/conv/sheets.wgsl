// A vec4 of `weights` and of `input`: of a buffer, or with RIGHT_SHEET and LEFT_SHEET of a texture of 1,024 columns
// (engine/sheet.ts).
//# include "conv/left_sheet.wgsl"
//# if RIGHT_SHEET
fn weightsAt(i: u32) -> vec4f { return textureLoad(weights, vec2u(i % 1024u, i / 1024u)); }
//# else
fn weightsAt(i: u32) -> vec4f { return weights[i]; }
//# end
