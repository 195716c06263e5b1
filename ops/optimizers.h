// The updates of optimisers. All take the gradient g as g' = scale g + weight_decay w + weight_decay_l1 sign(w), with
// the scalar inputs `learning_rate` (f32[], before learning_rate_scale) and `scale` (f32[], of averaging and clipping).
// The state is updated in place, in one pass over memory.
//
//   SgdUpdate      (w, g, learning_rate, scale) -> w - rate g'
//   MomentumUpdate (w, g, v, learning_rate, scale) -> (w - rate d, v')
//                  v' = momentum v + g', d = v', or g' + momentum v' with nesterov
//                  (Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013)
//   AdamUpdate     (w, g, m, v, learning_rate, scale) -> (w', m', v') in step t = RunState::step + 1
//                  m' = beta1 m + (1 - beta1) g', v' = beta2 v + (1 - beta2) g'^2,
//                  w' = w - rate m' / (1 - beta1^t) / (sqrt(v' / (1 - beta2^t)) + epsilon)
//                  (Kingma and Ba, "Adam", ICLR 2015); decoupled: weight_decay is no part of g', and
//                  w' = ... - rate weight_decay w (Loshchilov and Hutter, "Decoupled Weight Decay Regularization",
//                  2019)
//
// Those with slots that are there or not, as the attributes say, take them last:
//
//   AdaGradUpdate  (w, g, learning_rate, scale, s) -> (w', s')
//                  s' = s + g'^2, w' = w - rate g' / (sqrt(s') + epsilon)   (Duchi et al., JMLR 2011)
//   RmsPropUpdate  (w, g, learning_rate, scale, s, [m], [v]) -> (w', s', [m'], [v'])
//                  s' = a s + (1 - a) g'^2, centered: m' = a m + (1 - a) g', q = max(s' - m'^2, 0), else q = s',
//                  d = g' / (sqrt(q) + epsilon), with momentum: v' = momentum v + d, w' = w - rate v', else w - rate d
//                  (Tieleman and Hinton, 2012; Graves, 2013)
//   AdaDeltaUpdate (w, g, learning_rate, scale, s, u) -> (w', s', u')
//                  s' = a s + (1 - a) g'^2, d = sqrt(u + epsilon) / sqrt(s' + epsilon) g', u' = a u + (1 - a) d^2,
//                  w' = w - rate d   (Zeiler, 2012)
#ifndef GRADUS_OPS_OPTIMIZERS_H_
#define GRADUS_OPS_OPTIMIZERS_H_

namespace gradus {

// What all updates share.
struct DecayAttrs {
  double learning_rate_scale = 1;
  double weight_decay = 0;
  double weight_decay_l1 = 0;
  template <typename F>
  void ForEach(F&& field) const {
    field("learning_rate_scale", learning_rate_scale);
    field("weight_decay", weight_decay);
    field("weight_decay_l1", weight_decay_l1);
  }
};

struct SgdAttrs {
  DecayAttrs decay;
  double momentum = 0;
  bool nesterov = false;
  template <typename F>
  void ForEach(F&& field) const {
    decay.ForEach(field);
    field("momentum", momentum);
    field("nesterov", nesterov);
  }
};

struct AdamAttrs {
  DecayAttrs decay;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  bool decoupled = false;
  template <typename F>
  void ForEach(F&& field) const {
    decay.ForEach(field);
    field("beta1", beta1);
    field("beta2", beta2);
    field("epsilon", epsilon);
    field("decoupled", decoupled);
  }
};

struct AdaGradAttrs {
  DecayAttrs decay;
  double epsilon = 1e-10;
  template <typename F>
  void ForEach(F&& field) const {
    decay.ForEach(field);
    field("epsilon", epsilon);
  }
};

struct RmsPropAttrs {
  DecayAttrs decay;
  double average = 0.99;  // a: the share of the old average that stays
  double epsilon = 1e-8, momentum = 0;
  bool centered = false;
  template <typename F>
  void ForEach(F&& field) const {
    decay.ForEach(field);
    field("average", average);
    field("epsilon", epsilon);
    field("momentum", momentum);
    field("centered", centered);
  }

  int slots() const { return 1 + centered + (momentum > 0); }
};

struct AdaDeltaAttrs {
  DecayAttrs decay;
  double average = 0.9;  // a
  double epsilon = 1e-6;
  template <typename F>
  void ForEach(F&& field) const {
    decay.ForEach(field);
    field("average", average);
    field("epsilon", epsilon);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_OPTIMIZERS_H_
