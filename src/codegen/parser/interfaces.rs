//! Interfaces, their operations and parameters.

use super::{Parse, Parser, definitions::Holds};
use crate::{
    ast::{Direction, Docs, Interface, Name, Operation, Parameter},
    diagnostic::Fault,
    lexer::{Keyword, TokenKind},
};

impl Parser<'_> {
    pub(super) fn interface(&mut self, docs: Docs) -> Parse<Interface> {
        let name = self.name("an interface")?;
        let what = format!("interface `{}`", name.text);
        let operations = self.block(&what, Holds::Members, Self::operation)?;
        Ok(Interface { name, docs, operations })
    }

    fn operation(&mut self) -> Parse<Option<Operation>> {
        let mut docs = self.comments.leading(self.at);
        let result = if self.eat_keyword(Keyword::Void) { None } else { Some(self.ty()?) };
        let name = self.operation_name()?;
        self.expect(b'(', "the name of an operation")?;
        let parameters = self.parameters()?;
        self.end("an operation")?;
        docs.extend(self.comments.trailing(self.at));
        Ok(Some(Operation { name, docs, result, parameters }))
    }

    /// Before `(` any word is a name, as in the official compiler.
    fn operation_name(&mut self) -> Parse<Name> {
        let is_word = matches!(self.peek(), Some(TokenKind::Identifier | TokenKind::Keyword(_)));
        if is_word && self.peek_at(1) == Some(&TokenKind::Symbol(b'(')) {
            let span = self.bump();
            return Ok(Name { text: self.text(span), span });
        }
        self.name("an operation")
    }

    fn parameters(&mut self) -> Parse<Vec<Parameter>> {
        let mut parameters = Vec::new();
        if self.eat(b')') {
            return Ok(parameters);
        }
        loop {
            parameters.push(self.parameter()?);
            if self.eat(b')') {
                return Ok(parameters);
            }
            if !self.eat(b',') {
                let message = format!("expected `,` or `)` after a parameter, found {}", self.found());
                return Err(self.fail(Fault::new(message)));
            }
        }
    }

    fn parameter(&mut self) -> Parse<Parameter> {
        let direction = match self.keyword() {
            Some(Keyword::Out) => Direction::Out,
            Some(Keyword::RouteKey) => Direction::RouteKey,
            _ => Direction::In,
        };
        if direction != Direction::In {
            self.bump();
        }
        if matches!(self.keyword(), Some(Keyword::Out | Keyword::RouteKey)) {
            return Err(self.fail(Fault::new("a parameter is `out` or `routekey`, not both")));
        }
        let member = self.member("a parameter")?;
        if self.is_symbol(b'=') {
            return Err(self.fail(Fault::new("a parameter cannot have a default")));
        }
        Ok(Parameter { direction, member })
    }
}
