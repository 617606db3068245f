# Freezes R's answers for effects at values of moderators: least squares with products (lm, emmeans), the product with the
# predicted outcome, weighting by overlap with the weights' own error (equations and their slopes by numDeriv), and joint shrinkage
# (integrate; nlme for a given spread). Run from this folder: Rscript moderators.R

suppressPackageStartupMessages({
  library(emmeans)
  library(nlme)
  library(splines)
  library(numDeriv)
})
options(contrasts = c("contr.treatment", "contr.poly"))
RNGkind("Mersenne-Twister", "Inversion", "Rejection")
set.seed(20260112)
n <- 90
data <- data.frame(
  id = sprintf("p%02d", seq_len(n)), baseline = round(rnorm(n, 6, 1.5), 1), age = round(rnorm(n, 45, 11)),
  expectation = pmin(10, pmax(0, round(rnorm(n, 6, 2.5)))), csi = round(rnorm(n, 40, 12)),
  sex = sample(c("female", "male"), n, TRUE, c(.6, .4)))
data$arm <- ifelse(runif(n) < plogis((data$csi - 40) / 15 + (data$baseline - 6) / 4), "needling", "usual")
data$pain <- with(data, round(1.5 + .5 * baseline + .02 * (csi - 40) - (arm == "needling") * (1 + .2 * (expectation - 6)) + rnorm(n, 0, 1.3), 2))
write.csv(data, "data/moderators.csv", row.names = FALSE, quote = FALSE)

data <- transform(read.csv("data/moderators.csv"), arm = relevel(factor(arm), "usual"), sex = factor(sex))
rows <- list()
keep <- function(question, term, value) {
  rows[[length(rows) + 1]] <<- data.frame(question, term, value = signif(value, 10))
}
at_values <- function(fit, question, name, values) {
  grid <- emmeans(fit, ~ arm, by = name, at = setNames(list(values), name))
  table <- as.data.frame(confint(contrast(grid, "revpairwise", by = name), by = NULL, adjust = "none"))
  for (i in seq_along(values)) {
    keep(question, paste("effect", values[i]), table$estimate[i])
    keep(question, paste("se", values[i]), table$SE[i])
    keep(question, paste("low", values[i]), table$lower.CL[i])
  }
}
mains <- pain ~ arm + baseline + age + expectation + csi + sex

line <- lm(update(mains, . ~ . + arm:expectation), data)
at_values(line, "line", "expectation", c(4, 6, 8))
table <- summary(line)$coefficients
for (column in 1:4) keep("line", c("product", "product se", "product t", "product p")[column], table["armneedling:expectation", column])
keep("line", "prognostic", 4 * table["expectation", 1])
keep("line", "prognostic se", 4 * table["expectation", 2])

bent_mains <- pain ~ arm + baseline + age + expectation + ns(csi, 3) + sex
bent <- lm(update(bent_mains, . ~ . + arm:ns(csi, 3)), data)
at_values(bent, "spline", "csi", c(25, 40, 55))
both <- anova(lm(bent_mains, data), bent)
keep("spline", "F", both$F[2])
keep("spline", "p", both[["Pr(>F)"]][2])

by_sex <- lm(update(mains, . ~ . + arm:sex), data)
at_values(by_sex, "category", "sex", c("female", "male"))

bare <- lm(mains, data)
data$risk <- predict(bare, transform(data, arm = factor("usual", levels(arm))))
risk <- lm(update(mains, . ~ . + I((arm == "needling") * risk)), data)
table <- summary(risk)$coefficients
for (column in 1:4) keep("risk", c("product", "product se", "product t", "product p")[column], table[nrow(table), column])
V <- vcov(risk)
for (value in c(3, 5)) {
  L <- as.numeric(names(coef(risk)) == "armneedling") + value * (seq_along(coef(risk)) == length(coef(risk)))
  keep("risk", paste("effect", value), sum(L * coef(risk)))
  keep("risk", paste("se", value), sqrt(sum(L * (V %*% L))))
}

# overlap weights: equations of propensity and regression stacked, their slopes by numerical derivatives
z <- as.numeric(data$arm == "needling")
C <- model.matrix(~ baseline + age + expectation + csi + sex, data)
X <- model.matrix(update(mains, . ~ . + arm:expectation), data)
a <- coef(glm(z ~ C - 1, family = binomial, control = list(epsilon = 1e-14, maxit = 100)))
e <- as.numeric(plogis(C %*% a))
w <- ifelse(z == 1, 1 - e, e)
b <- coef(lm(data$pain ~ X - 1, weights = w))
psi <- function(theta) {
  p <- as.numeric(plogis(C %*% theta[seq_along(a)]))
  r <- as.numeric(data$pain - X %*% theta[-seq_along(a)])
  cbind(C * (z - p), X * (ifelse(z == 1, 1 - p, p) * r))
}
theta <- c(a, b)
slopes <- jacobian(function(theta) colMeans(psi(theta)), theta)
inverse <- solve(slopes)
V <- (inverse %*% (crossprod(psi(theta)) / n) %*% t(inverse) / n)[-seq_along(a), -seq_along(a)] * n / (n - ncol(X))
for (value in c(4, 6, 8)) {
  L <- as.numeric(colnames(X) == "armneedling") + value * (colnames(X) == "armneedling:expectation")
  keep("weighted", paste("effect", value), sum(L * b))
  keep("weighted", paste("se", value), sqrt(sum(L * (V %*% L))))
}

# all together, per standard deviation
unit <- function(x) (x - mean(x)) / sd(x)
Z <- with(data, z * cbind(expectation = unit(expectation), csi = unit(csi), sex = unit(sex == "male")))
joint <- lm(update(mains, . ~ . + Z), data)
free <- lm(mains, data)
keep("joint", "F", anova(free, joint)$F[2])
place <- grep("^Z", names(coef(joint)))
u <- coef(joint)[place]
V <- vcov(joint)[place, place]
likelihood <- function(tau) sapply(tau, function(t) {
  S <- V + t^2 * diag(3)
  exp(-0.5 * (determinant(S)$modulus + sum(u * solve(S, u))))
})
given <- function(tau, j) {
  S <- solve(V + tau^2 * diag(3))
  c(mean = (tau^2 * S %*% u)[j], sd = sqrt((tau^2 * diag(3) - tau^4 * S)[j, j]), left = sum(diag(V %*% S)) / 3)
}
over <- function(f) integrate(function(tau) sapply(tau, f) * likelihood(tau), 0, Inf, rel.tol = 1e-11, subdivisions = 2000)$value
whole <- over(function(tau) 1)
for (j in 1:3) {
  name <- colnames(Z)[j]
  mean <- over(function(tau) given(tau, j)["mean"]) / whole
  second <- over(function(tau) given(tau, j)["sd"]^2 + given(tau, j)["mean"]^2) / whole
  keep("shrunken", name, mean)
  keep("shrunken", paste(name, "sd"), sqrt(second - mean^2))
  below <- function(q) over(function(tau) pnorm(q, given(tau, j)["mean"], given(tau, j)["sd"])) / whole
  keep("shrunken", paste(name, "low"), uniroot(function(q) below(q) - 0.025, mean + c(-8, 0) * sqrt(second - mean^2), tol = 1e-10)$root)
}
keep("shrunken", "shrinkage", over(function(tau) given(tau, 1)["left"]) / whole)

# for a given spread the means are the predictions of a model with random products (nlme with sigma held)
Z1 <- Z[, 1]; Z2 <- Z[, 2]; Z3 <- Z[, 3]
mixed <- lme(mains, cbind(data, Z1, Z2, Z3, one = 1), random = list(one = pdIdent(~ Z1 + Z2 + Z3 - 1)),
             control = lmeControl(sigma = summary(joint)$sigma, msTol = 1e-14, tolerance = 1e-12))
tau <- as.numeric(VarCorr(mixed)[1, "StdDev"])
stopifnot(tau > 1e-3, max(abs(as.numeric(ranef(mixed)) - sapply(1:3, function(j) given(tau, j)["mean"]))) < 1e-4)

write.csv(do.call(rbind, rows), "moderators.csv", row.names = FALSE, quote = FALSE)
