#include "convert/pickle.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

namespace mtcnn {
namespace {

using Kind = PickleValue::Kind;

// Instructions, by the names that Python's pickletools gives them.
enum Op : unsigned char {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersid = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kEmptyList = ']',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kList = 'l',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kEmptyDict = '}',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

// A name from an untrusted file, fit to print.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 80)) out += std::isprint(static_cast<unsigned char>(c)) ? c : '?';
  return out;
}

class Machine {
 public:
  Machine(std::span<const std::byte> bytes, std::size_t start, const PickleRules& rules,
          const std::string& name)
      : bytes_(bytes), at_(start), rules_(rules), name_(name) {}

  Result<Pickle> run() {
    for (std::size_t count = 0;; ++count) {
      if (count == kMaxPickleInstructions) {
        fail(ErrorCode::kLimit, "has more than " + std::to_string(kMaxPickleInstructions) + " instructions");
        return *error_;
      }
      const std::uint64_t op = number(1);
      if (error_) return *error_;
      if (op == kStop) break;
      step(static_cast<unsigned char>(op));
      if (error_) return *error_;
    }
    pickle_.root = pop();
    if (error_) return *error_;
    pickle_.end = at_;
    return std::move(pickle_);
  }

 private:
  // The first error wins; every step after it is harmless and the loop ends.
  void fail(ErrorCode code, const std::string& what) {
    if (!error_) {
      error_ = Error{code, name_ + ": pickle at byte " + std::to_string(at_) + ": " + what};
    }
  }
  void broken(const char* what) { fail(ErrorCode::kFormat, what); }

  std::string_view take(std::uint64_t count) {
    if (at_ > bytes_.size() || count > bytes_.size() - at_) {
      broken("is truncated");
      return {};
    }
    const std::string_view view(reinterpret_cast<const char*>(bytes_.data()) + at_,
                                static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return view;
  }

  // Little-endian, unsigned.
  std::uint64_t number(int size) {
    std::uint64_t value = 0;
    int shift = 0;
    for (const char c : take(static_cast<std::uint64_t>(size))) {
      value |= std::uint64_t{static_cast<unsigned char>(c)} << shift;
      shift += 8;
    }
    return value;
  }

  std::string_view line() {
    const std::size_t begin = at_;
    while (!error_) {
      const std::string_view c = take(1);
      if (!error_ && c[0] == '\n') {
        return {reinterpret_cast<const char*>(bytes_.data()) + begin, at_ - 1 - begin};
      }
      if (at_ - begin > 256) broken("has a name without an end");
    }
    return {};
  }

  PickleValue& push(Kind kind) {
    PickleValue& value = pickle_.values.emplace_back();
    value.kind = kind;
    stack_.push_back(&value);
    return value;
  }
  void push_int(std::int64_t value) { push(Kind::kInt).integer = value; }

  PickleValue* top() {
    if (stack_.size() <= floor()) {
      broken("takes more from its stack than is there");
      return &nothing_;
    }
    return stack_.back();
  }
  PickleValue* pop() {
    PickleValue* value = top();
    if (!error_) stack_.pop_back();
    return value;
  }
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  // What was pushed since the last MARK.
  std::vector<const PickleValue*> pop_to_mark() {
    if (marks_.empty()) {
      broken("has no MARK where one belongs");
      return {};
    }
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<const PickleValue*> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }

  void tuple(int size) {
    std::vector<const PickleValue*> items(static_cast<std::size_t>(size));
    for (std::size_t i = items.size(); i-- > 0;) items[i] = pop();
    push(Kind::kTuple).items = std::move(items);
  }

  void extend(const std::vector<const PickleValue*>& items, bool pairs) {
    PickleValue* target = top();
    if (error_) return;
    const bool fits = pairs ? target->is(Kind::kDict) || target->is(Kind::kObject) : target->is(Kind::kList);
    if (!fits) return broken(pairs ? "sets items of what is no dictionary" : "appends to what is no list");
    if (pairs && items.size() % 2 != 0) return broken("has a key without a value");
    target->items.insert(target->items.end(), items.begin(), items.end());
  }

  void global(std::string_view module, std::string_view attribute) {
    if (error_) return;
    const std::string full = std::string(module) + "." + std::string(attribute);
    if (std::find(rules_.globals.begin(), rules_.globals.end(), full) == rules_.globals.end()) {
      return fail(ErrorCode::kUnsupported,
                  "refers to \"" + printable(full) + "\", which has no place in a weights file: refused");
    }
    push(Kind::kGlobal).global = full;
  }

  void object() {
    const PickleValue* arguments = pop();
    const PickleValue* callable = pop();
    if (error_) return;
    if (!arguments->is(Kind::kTuple)) return broken("calls without a tuple of arguments");
    if (!callable->is(Kind::kGlobal)) return broken("calls what is not a name");
    PickleValue& value = push(Kind::kObject);
    value.callable = callable;
    value.arguments = arguments;
  }

  void put(std::uint64_t index) {
    if (index >= kMaxPickleMemo) {
      return fail(ErrorCode::kLimit, "has more than " + std::to_string(kMaxPickleMemo) + " memo entries");
    }
    PickleValue* value = top();
    if (error_) return;
    if (index >= memo_.size()) memo_.resize(static_cast<std::size_t>(index) + 1);
    memo_[static_cast<std::size_t>(index)] = value;
  }
  void get(std::uint64_t index) {
    if (index >= memo_.size() || !memo_[static_cast<std::size_t>(index)]) {
      return broken("refers to a memo entry that is not there");
    }
    stack_.push_back(memo_[static_cast<std::size_t>(index)]);
  }

  void build() {
    const PickleValue* state = pop();
    PickleValue* object = top();
    if (error_) return;
    if (!object->is(Kind::kObject)) return broken("builds what is no object");
    object->state = state;
    if (!rules_.after_build) return;
    Result<std::size_t> next = rules_.after_build(*object, at_);
    if (!next) {
      error_ = next.error();
    } else {
      at_ = *next;
    }
  }

  void step(unsigned char op) {
    switch (op) {
      case kProto: number(1); break;
      case kFrame: number(8); break;
      case kMark: marks_.push_back(stack_.size()); break;
      case kPop:
        if (!marks_.empty() && stack_.size() == marks_.back()) {
          marks_.pop_back();
        } else {
          pop();
        }
        break;
      case kPopMark: pop_to_mark(); break;
      case kDup: {
        PickleValue* value = top();
        if (!error_) stack_.push_back(value);
        break;
      }
      case kNone: push(Kind::kNone); break;
      case kNewTrue: push(Kind::kBool).integer = 1; break;
      case kNewFalse: push(Kind::kBool); break;
      case kBinInt: push_int(static_cast<std::int32_t>(number(4))); break;
      case kBinInt1: push_int(static_cast<std::int64_t>(number(1))); break;
      case kBinInt2: push_int(static_cast<std::int64_t>(number(2))); break;
      case kLong1: {
        const std::uint64_t size = number(1);
        if (size > 8) {
          // Larger than any size or index: only there to be compared, as its bytes.
          push(Kind::kString).text = take(size);
        } else {
          std::uint64_t value = number(static_cast<int>(size));
          const int unused = 64 - 8 * static_cast<int>(size);
          // Two's complement of that many bytes.
          if (size > 0 && unused > 0) {
            push_int(static_cast<std::int64_t>(value << unused) >> unused);
          } else {
            push_int(static_cast<std::int64_t>(value));
          }
        }
        break;
      }
      case kBinFloat:
        take(8);  // no weights file keeps its numbers here
        push(Kind::kFloat);
        break;
      case kShortBinString:
      case kShortBinBytes:
      case kShortBinUnicode: push(Kind::kString).text = take(number(1)); break;
      case kBinString:
      case kBinBytes:
      case kBinUnicode: push(Kind::kString).text = take(number(4)); break;
      case kBinUnicode8:
      case kBinBytes8: push(Kind::kString).text = take(number(8)); break;
      case kEmptyTuple: push(Kind::kTuple); break;
      case kTuple1: tuple(1); break;
      case kTuple2: tuple(2); break;
      case kTuple3: tuple(3); break;
      case kTuple: {
        auto items = pop_to_mark();
        push(Kind::kTuple).items = std::move(items);
        break;
      }
      case kEmptyList: push(Kind::kList); break;
      case kList: {
        auto items = pop_to_mark();
        push(Kind::kList).items = std::move(items);
        break;
      }
      case kAppend: {
        const PickleValue* item = pop();
        extend({item}, false);
        break;
      }
      case kAppends: extend(pop_to_mark(), false); break;
      case kEmptyDict: push(Kind::kDict); break;
      case kDict: {
        auto items = pop_to_mark();
        push(Kind::kDict);
        extend(items, true);
        break;
      }
      case kSetItem: {
        const PickleValue* value = pop();
        const PickleValue* key = pop();
        extend({key, value}, true);
        break;
      }
      case kSetItems: extend(pop_to_mark(), true); break;
      case kBinPut: put(number(1)); break;
      case kLongBinPut: put(number(4)); break;
      case kMemoize: put(memo_.size()); break;
      case kBinGet: get(number(1)); break;
      case kLongBinGet: get(number(4)); break;
      case kGlobal: {
        const std::string_view module = line();
        const std::string_view attribute = line();
        global(module, attribute);
        break;
      }
      case kStackGlobal: {
        const PickleValue* attribute = pop();
        const PickleValue* module = pop();
        if (error_) break;
        if (!attribute->is(Kind::kString) || !module->is(Kind::kString)) {
          broken("has a name that is no text");
        } else {
          global(module->text, attribute->text);
        }
        break;
      }
      case kReduce:
      case kNewObj: object(); break;
      case kBuild: build(); break;
      case kBinPersid: {
        const PickleValue* id = pop();
        push(Kind::kPersistent).items = {id};
        break;
      }
      default: {
        char code[8];
        std::snprintf(code, sizeof code, "0x%02x", op);
        fail(ErrorCode::kUnsupported,
             std::string("has instruction ") + code + ", which no weights file needs: refused");
      }
    }
  }

  std::span<const std::byte> bytes_;
  std::size_t at_;
  const PickleRules& rules_;
  const std::string& name_;
  Pickle pickle_;
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;
  std::vector<PickleValue*> memo_;
  PickleValue nothing_;  // what a failed pop() gives
  std::optional<Error> error_;
};

}  // namespace

const PickleValue* PickleValue::find(std::string_view key) const {
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i]->is(Kind::kString) && items[i]->text == key) return items[i + 1];
  }
  return nullptr;
}

Result<Pickle> read_pickle(std::span<const std::byte> bytes, std::size_t start, const PickleRules& rules,
                           const std::string& name) {
  return Machine(bytes, start, rules, name).run();
}

}  // namespace mtcnn
