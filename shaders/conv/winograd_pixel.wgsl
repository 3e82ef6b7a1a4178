// Stores output (v, u) of a tile, `sum` with residual and ReLU, where it is in the image.
if (y0 + v < p.H && x0 + u < p.W) {
  let at = first + (v * p.W + u) * p.O4;
  //# if RESIDUAL
  sum += residual[at];
  //# end
  y[at] = select(sum, max(sum, vec4f()), relu);
}
