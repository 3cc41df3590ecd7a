//! Files, modules, and all their definitions except interfaces.

use super::{Failed, Parse, Parser};
use crate::{
    ast::{Const, Definition, Docs, Enum, Enumerator, Field, File, Include, Item, Key, Module, Struct},
    diagnostic::{Fault, Span},
    lexer::{Keyword, TokenKind},
};

impl Parser<'_> {
    pub(super) fn file(&mut self) -> File {
        let mut file = File::default();
        while !self.at_end() {
            if self.item(&mut file).is_err() {
                self.recover();
                if self.eat(b'}') {
                    self.eat(b';'); // one too many: nothing is open here
                }
            }
        }
        file
    }

    fn item(&mut self, file: &mut File) -> Parse<()> {
        let docs = self.comments.leading(self.at);
        match self.peek() {
            Some(TokenKind::Include) => {
                file.includes.extend(self.include());
                return Ok(());
            }
            Some(TokenKind::Keyword(Keyword::Module)) => {
                self.bump();
                let module = self.module(docs)?;
                file.items.push(Item::Module(module));
                return self.end("the closing `}` of a module");
            }
            Some(TokenKind::Keyword(Keyword::Key)) => {
                self.bump();
                let key = self.key()?;
                file.items.push(Item::Key(key));
                return self.end("a key");
            }
            _ => {}
        }
        let start = self.span();
        if self.definition_begins() {
            self.report(start, Fault::new(format!("{} must be inside a module", self.found())));
            return self.definition(docs).map(|_| ());
        }
        Err(self.unexpected("`module`"))
    }

    fn include(&mut self) -> Option<Include> {
        let directive = self.bump();
        let name = match self.peek() {
            Some(TokenKind::Text(name)) if !self.begins_line() => Some(name.clone()),
            _ => None,
        };
        let span = if name.is_some() { self.bump() } else { directive };
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            return Some(Include { name, span });
        }
        let fault = Fault::new("`#include` needs a file name").hint("write `#include \"file.tars\"`");
        self.report(span, fault);
        None
    }

    fn module(&mut self, docs: Docs) -> Parse<Module> {
        let name = self.name("a module")?;
        let what = format!("module `{}`", name.text);
        let definitions = self.block(&what, Holds::Definitions, |parser| {
            let docs = parser.comments.leading(parser.at);
            if parser.keyword() == Some(Keyword::Module) {
                return Err(parser.fail(Fault::new("a module cannot be inside another one")));
            }
            parser.definition(docs).map(Some)
        })?;
        Ok(Module { name, docs, definitions })
    }

    fn definition_begins(&self) -> bool {
        let begins = [Keyword::Struct, Keyword::Enum, Keyword::Const, Keyword::Interface];
        self.keyword().is_some_and(|keyword| begins.contains(&keyword))
    }

    fn definition(&mut self, mut docs: Docs) -> Parse<Definition> {
        let Some(keyword) = self.keyword() else {
            return Err(self.unexpected("`struct`, `enum`, `const`, `interface` or `key`"));
        };
        self.bump();
        let definition = match keyword {
            Keyword::Struct => Definition::Struct(self.structure(docs)?),
            Keyword::Enum => Definition::Enum(self.enumeration(docs)?),
            Keyword::Interface => Definition::Interface(self.interface(docs)?),
            Keyword::Key => Definition::Key(self.key()?),
            Keyword::Const => {
                let member = self.member("a const")?;
                self.expect(b'=', "the name of a const")?;
                let value = self.initializer()?;
                self.end("a const")?;
                docs.extend(self.comments.trailing(self.at));
                return Ok(Definition::Const(Const { docs, member, value }));
            }
            _ => {
                self.at -= 1;
                return Err(self.unexpected("`struct`, `enum`, `const`, `interface` or `key`"));
            }
        };
        self.end("a definition")?;
        Ok(definition)
    }

    fn structure(&mut self, docs: Docs) -> Parse<Struct> {
        let name = self.name("a struct")?;
        let fields = self.block(&format!("struct `{}`", name.text), Holds::Members, Self::field)?;
        let is_empty = self.tokens[self.at - 2].kind == TokenKind::Symbol(b'{');
        if is_empty {
            self.report(name.span, Fault::new("a struct must have at least one field"));
        }
        Ok(Struct { name, docs, fields })
    }

    /// A field; `None` if it has no tag or no `require`. That was reported, and nothing is left to skip.
    fn field(&mut self) -> Parse<Option<Field>> {
        let mut docs = self.comments.leading(self.at);
        let tag = self.tag();
        let required = self.presence(tag.is_some());
        let member = self.member("a field")?;
        let default = self.optional_initializer()?;
        self.end("a field")?;
        docs.extend(self.comments.trailing(self.at));
        let field = |(tag, required)| Field { docs, tag, required, member, default };
        Ok(tag.zip(required).map(field))
    }

    /// The tag before a field. If it is missing, the rest is still read, to find more faults.
    fn tag(&mut self) -> Option<(i64, Span)> {
        if let Some(&TokenKind::Integer(value)) = self.peek() {
            return Some((value, self.bump()));
        }
        let found = self.found();
        let begins_with_presence = matches!(self.keyword(), Some(Keyword::Require | Keyword::Optional));
        let fault = if begins_with_presence {
            Fault::new("a field needs a tag")
        } else {
            Fault::new(format!("expected the tag of a field, found {found}"))
        };
        self.fail(fault.hint("a field is written `0 require int name;`"));
        None
    }

    /// `require` is true. If the tag was missing too, that was reported already.
    fn presence(&mut self, has_tag: bool) -> Option<bool> {
        if self.eat_keyword(Keyword::Require) {
            return Some(true);
        }
        if self.eat_keyword(Keyword::Optional) {
            return Some(false);
        }
        if has_tag {
            let message = format!("expected `require` or `optional` after the tag, found {}", self.found());
            self.fail(Fault::new(message));
        }
        None
    }

    fn enumeration(&mut self, docs: Docs) -> Parse<Enum> {
        let name = self.name("an enum")?;
        self.expect(b'{', "the name of an enum")?;
        let mut enumerators = Vec::new();
        while !self.eat(b'}') {
            if self.at_end() || self.definition_begins() {
                return Err(self.fail(Fault::new(format!("enum `{}` is never closed", name.text))));
            }
            if self.enumerator(&name.text, &mut enumerators).is_err() {
                self.skip_to_close();
            }
        }
        Ok(Enum { name, docs, enumerators })
    }

    /// An enumerator, or none, and the `,` after it unless the enum ends.
    fn enumerator(&mut self, of: &str, enumerators: &mut Vec<Enumerator>) -> Parse<()> {
        if matches!(self.peek(), Some(TokenKind::Identifier | TokenKind::Keyword(_))) {
            let mut docs = self.comments.leading(self.at);
            let name = self.name("an enumerator")?;
            let value = self.optional_initializer()?;
            docs.extend(self.comments.trailing(self.at));
            enumerators.push(Enumerator { name, docs, value });
        }
        if self.is_symbol(b'}') {
            return Ok(());
        }
        if !self.eat(b',') {
            let message = format!("expected `,` or `}}` in enum `{of}`, found {}", self.found());
            return Err(self.fail(Fault::new(message)));
        }
        if let Some(last) = enumerators.last_mut() {
            last.docs.extend(self.comments.trailing(self.at));
        }
        Ok(())
    }

    /// Skips to the `}` of an enum, or to a token that cannot be in one.
    fn skip_to_close(&mut self) {
        while !self.at_end() && !self.is_symbol(b'}') && !self.definition_begins() {
            self.bump();
        }
    }

    /// The rest of a `key` definition.
    fn key(&mut self) -> Parse<Key> {
        self.expect(b'[', "`key`")?;
        let of = self.path()?;
        let mut members = Vec::new();
        self.expect(b',', "the struct of a key")?;
        loop {
            members.push(self.name("a field")?);
            if self.eat(b']') {
                return Ok(Key { of, members });
            }
            self.expect(b',', "a field of a key")?;
        }
    }

    /// `{ element element … }`; continues with the next element after a failed one.
    pub(super) fn block<T>(
        &mut self,
        what: &str,
        holds: Holds,
        mut element: impl FnMut(&mut Self) -> Parse<Option<T>>,
    ) -> Parse<Vec<T>> {
        self.expect(b'{', what)?;
        let opened = self.previous();
        let mut elements = Vec::new();
        while !self.eat(b'}') {
            if self.at_end() || (holds == Holds::Members && self.definition_begins()) {
                let fault = Fault::new(format!("{what} is never closed")).hint("close it with `};`");
                return Err(self.report(opened, fault));
            }
            let start = self.at;
            match element(self) {
                Ok(element) => elements.extend(element),
                // The element that begins here was not read yet.
                Err(Failed) if self.at > start && self.definition_begins() => {}
                Err(Failed) => self.recover(),
            }
        }
        Ok(elements)
    }

    /// The next token is not allowed here; `wanted` is.
    fn unexpected(&mut self, wanted: &str) -> Failed {
        let fault = Fault::new(format!("expected {wanted}, found {}", self.found()));
        let word = self.text(self.span());
        let lower = word.to_ascii_lowercase();
        let is_keyword = Keyword::from_word(lower.as_bytes()).is_some();
        let fault = if is_keyword && word != lower {
            fault.hint(format!("keywords are in lower case: `{lower}`"))
        } else {
            fault
        };
        self.fail(fault)
    }
}

/// The elements of a block; a definition among members means that a `}` is missing.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Holds {
    Definitions,
    Members,
}
