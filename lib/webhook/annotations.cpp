// SPDX-License-Identifier: Apache-2.0
#include "webhook/annotations.hpp"

#include <nlohmann/json.hpp>

namespace mvr::webhook {

const Json* find_member(const Json* object, std::string_view name) {
  if (object == nullptr || !object->is_object()) {
    return nullptr;
  }
  const auto found = object->find(name);
  return found == object->end() || found->is_null() ? nullptr : &*found;
}

std::string_view text_of(const Json* object, std::string_view name) {
  const Json* value = find_member(object, name);
  const auto* text = value == nullptr ? nullptr : value->get_ptr<const std::string*>();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

const Json* annotations_of(const Json& object) {
  const Json* annotations = find_member(find_member(&object, "metadata"), "annotations");
  return annotations != nullptr && annotations->is_object() ? annotations : nullptr;
}

}  // namespace mvr::webhook
