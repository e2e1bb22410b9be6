// SPDX-License-Identifier: Apache-2.0
/// \file
/// What `inspect` has seen, in three forms.
#pragma once

#include <string>

#include "mvr/plugin/inspect.hpp"
#include "ops/screen.hpp"

namespace mvr::ops {

/// For people: each pod with a table of its NICs, then what is wrong with them, then a summary.
std::string format_text(const plugin::NodeView& node, const Painter& painter);

/// One object for programs; the reference has its keys.
std::string format_json(const plugin::NodeView& node);

/// A picture for Graphviz: gateways, masters on the node, NICs in their pods.
/// \source graphviz.org/doc/info/lang.html
std::string format_dot(const plugin::NodeView& node);

}  // namespace mvr::ops
