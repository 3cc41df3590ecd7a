//! Types, members and values.

use super::{Failed, Parse, Parser};
use crate::{
    ast::{Form, Initializer, InitializerKind, Member, Path, Type, TypeKind},
    diagnostic::Fault,
    lexer::{Keyword, TokenKind},
};

impl Parser<'_> {
    /// `type name`, `type name[8]` or `byte *name`, where `what` is `a field` or the like.
    pub(super) fn member(&mut self, what: &str) -> Parse<Member> {
        let ty = self.ty()?;
        let star = if self.is_symbol(b'*') { Some(self.bump()) } else { None };
        let name = self.name(what)?;
        if self.is_symbol(b':') {
            let word = &name.text;
            let fault = Fault::new("the size belongs after the type, not after the name");
            return Err(self.fail(fault.hint(format!("write `string:16 {word}` or `vector<int>:16 {word}`"))));
        }
        let form = match star {
            Some(span) => Form::Pointer(span),
            None if self.eat(b'[') => {
                let (size, span) = self.integer("an array")?;
                self.expect(b']', "the size of an array")?;
                Form::Array(size, span)
            }
            None => Form::Plain,
        };
        Ok(Member { ty, name, form })
    }

    pub(super) fn ty(&mut self) -> Parse<Type> {
        self.nested_ty(1)
    }

    fn nested_ty(&mut self, depth: usize) -> Parse<Type> {
        if depth > TYPE_DEPTH_MAX {
            let message = format!("types are nested more than {TYPE_DEPTH_MAX} deep");
            return Err(self.fail(Fault::new(message)));
        }
        let start = self.span();
        let kind = match self.peek() {
            Some(TokenKind::Identifier | TokenKind::Scope) => TypeKind::Named(self.path()?),
            Some(&TokenKind::Keyword(keyword)) => self.keyword_ty(keyword, depth)?,
            _ => return Err(self.fail(Fault::new(format!("expected a type, found {}", self.found())))),
        };
        let capacity = if self.eat(b':') { Some(self.integer("a fixed size")?) } else { None };
        Ok(Type { kind, capacity, span: self.span_since(start) })
    }

    /// A type that begins with a keyword.
    fn keyword_ty(&mut self, keyword: Keyword, depth: usize) -> Parse<TypeKind> {
        let kind = match keyword {
            Keyword::Bool => TypeKind::Bool,
            Keyword::Byte => TypeKind::Byte,
            Keyword::Short => TypeKind::Short,
            Keyword::Int => TypeKind::Int,
            Keyword::Long => TypeKind::Long,
            Keyword::Float => TypeKind::Float,
            Keyword::Double => TypeKind::Double,
            Keyword::String => TypeKind::String,
            Keyword::Unsigned => return self.unsigned(),
            Keyword::Vector => return self.vector(depth),
            Keyword::Map => return self.map(depth),
            Keyword::Void => {
                return Err(self.fail(Fault::new("only an operation's result can be `void`")));
            }
            _ => return Err(self.fail(Fault::new(format!("expected a type, found {}", self.found())))),
        };
        self.bump();
        Ok(kind)
    }

    fn unsigned(&mut self) -> Parse<TypeKind> {
        self.bump();
        let kind = match self.keyword() {
            Some(Keyword::Byte) => TypeKind::UnsignedByte,
            Some(Keyword::Short) => TypeKind::UnsignedShort,
            Some(Keyword::Int) => TypeKind::UnsignedInt,
            _ => {
                let message =
                    format!("expected `byte`, `short` or `int` after `unsigned`, found {}", self.found());
                return Err(self.fail(Fault::new(message)));
            }
        };
        self.bump();
        Ok(kind)
    }

    fn vector(&mut self, depth: usize) -> Parse<TypeKind> {
        self.bump();
        self.expect(b'<', "`vector`")?;
        let element = self.nested_ty(depth + 1)?;
        self.expect(b'>', "the type of a vector's elements")?;
        Ok(TypeKind::Vector(Box::new(element)))
    }

    fn map(&mut self, depth: usize) -> Parse<TypeKind> {
        self.bump();
        self.expect(b'<', "`map`")?;
        let key = self.nested_ty(depth + 1)?;
        self.expect(b',', "the type of a map's keys")?;
        let value = self.nested_ty(depth + 1)?;
        self.expect(b'>', "the type of a map's values")?;
        Ok(TypeKind::Map(Box::new(key), Box::new(value)))
    }

    /// `Name`, `Module::Name`, `Module::Enum::Name`, optionally with a leading `::`.
    pub(super) fn path(&mut self) -> Parse<Path> {
        let start = self.span();
        if self.peek() == Some(&TokenKind::Scope) {
            self.bump();
        }
        let mut segments = vec![self.name("a type")?.text];
        while self.peek() == Some(&TokenKind::Scope) {
            self.bump();
            segments.push(self.name("a type")?.text);
        }
        Ok(Path { segments, span: self.span_since(start) })
    }

    /// The value after `=`.
    pub(super) fn initializer(&mut self) -> Parse<Initializer> {
        let start = self.span();
        let kind = match self.peek() {
            Some(&TokenKind::Integer(value)) => InitializerKind::Integer(value),
            Some(&TokenKind::Float(value)) => InitializerKind::Float(value),
            Some(TokenKind::Text(text)) => InitializerKind::Text(text.clone()),
            Some(TokenKind::Keyword(Keyword::True)) => InitializerKind::Bool(true),
            Some(TokenKind::Keyword(Keyword::False)) => InitializerKind::Bool(false),
            Some(TokenKind::Identifier | TokenKind::Scope) => {
                let path = self.path()?;
                return Ok(Initializer { kind: InitializerKind::Named(path), span: self.span_since(start) });
            }
            _ => return Err(self.no_value()),
        };
        self.bump();
        Ok(Initializer { kind, span: self.span_since(start) })
    }

    /// `= value`, if there is one.
    pub(super) fn optional_initializer(&mut self) -> Parse<Option<Initializer>> {
        if self.eat(b'=') { self.initializer().map(Some) } else { Ok(None) }
    }

    fn no_value(&mut self) -> Failed {
        let fault = Fault::new(format!("expected a value, found {}", self.found()));
        self.fail(fault.hint("a value is a number, a \"string\", true, false, or an enumerator"))
    }
}

/// As deep as a message may nest.
const TYPE_DEPTH_MAX: usize = 64;
