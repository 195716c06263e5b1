// The recurrent part of recurrent layers: one direction of one layer, all steps. Products of the inputs with their
// weights, of all steps at once, are a Dense of their own before it, so its gradients are Dense's.
//
//   Recurrent         (x, w, h0 [, b] [, c0] [, lengths]) -> y, h [, gates, inner] [, c]
//   RecurrentBackward (w, h0, y, dy, dh [, gates, inner] [, c0, dc] [, lengths]) -> dx, dw, dh0 [, db] [, dc0]
//
// with G gates of H units: x f32[N, T, G H], w f32[G H, H], h0, h, c0, c f32[N, H], b f32[H], lengths i32[N],
// y and inner f32[N, T, H], gates f32[N, T, G H] after their functions. With p = h w^T of the state h before a step:
//
//   cell    G  gates                        after the step                        inner   has b  has c
//   kTanh   1                               y = tanh(x + p)                        -
//   kRelu   1                               y = max(x + p, 0)                      -
//   kGru    3  r, z = sigmoid(x + p)        y = (1 - z) n + z h                    q       yes
//              n = tanh(x + r q), q = p + b
//   kLstm   4  i, o = sigmoid(x + p)        c' = f c + i g, y = o tanh(c')         c'             yes
//              f = sigmoid(x + p + forget_bias), g = tanh(x + p)
//
// Steps from lengths[n] on leave the state of example n alone; y, gates and inner are 0 there, and so is dx. h and c
// are the states after the last step, which in reverse is the first.
#ifndef GRADUS_OPS_RECURRENT_H_
#define GRADUS_OPS_RECURRENT_H_

#include <cstdint>

namespace gradus {

enum class RecurrentCell : uint8_t { kTanh, kRelu, kGru, kLstm };

// What the table above says of a cell.
struct CellFacts {
  int gates;
  bool saves;     // gates and inner, for the gradient
  bool has_bias;  // beside that of x
  bool has_cell;  // a second state
};
CellFacts FactsOf(RecurrentCell cell);

struct RecurrentAttrs {
  RecurrentCell cell = RecurrentCell::kTanh;
  bool reverse = false;
  bool has_lengths = false;
  double forget_bias = 0;  // kLstm
  template <typename F>
  void ForEach(F&& field) const {
    field("cell", cell);
    field("reverse", reverse);
    field("has_lengths", has_lengths);
    field("forget_bias", forget_bias);
  }
};

// Where the operands are, for a cell; -1: there is none.
struct RecurrentOperands {
  explicit RecurrentOperands(const RecurrentAttrs& attrs);
  // Inputs after x, w, h0, and outputs after y, h.
  int bias = -1, c0 = -1, lengths = -1, inputs = 0;
  int gates = -1, inner = -1, c = -1, outputs = 0;
};
struct RecurrentBackwardOperands {
  explicit RecurrentBackwardOperands(const RecurrentAttrs& attrs);
  // Inputs after w, h0, y, dy, dh, and outputs after dx, dw, dh0.
  int gates = -1, inner = -1, c0 = -1, dc = -1, lengths = -1, inputs = 0;
  int db = -1, dc0 = -1, outputs = 0;
};

}  // namespace gradus

#endif  // GRADUS_OPS_RECURRENT_H_
