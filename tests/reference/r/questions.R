# Freezes R's answers to questions beyond references.R: tests of terms by type, degrees of freedom of nested groupings,
# offsets, natural splines, predictions of missed visits, one-sided and equivalence tests, profile intervals, distances in
# two dimensions. Run from this folder: Rscript questions.R

suppressPackageStartupMessages({
  library(lme4)
  library(lmerTest)
  library(nlme)
  library(emmeans)
  library(splines)
})
options(contrasts = c("contr.treatment", "contr.poly"))
trial <- read.csv("data/trial.csv", stringsAsFactors = TRUE)
trial <- trial[!is.na(trial$pain), ]
rows <- list()
keep <- function(question, term, value, source) {
  version <- paste(source, if (source == "stats") getRversion() else packageVersion(source))
  rows[[length(rows) + 1]] <<- data.frame(question, term, value = signif(value, 10), source = version)
}
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhobeg = 0.2, rhoend = 1e-10, maxfun = 1e6))

fit <- lmerTest::lmer(pain ~ arm * visit + baseline * visit + (1 | id), trial, control = tight)
for (type in c("II", "III")) for (ddf in c("Satterthwaite", "Kenward-Roger")) {
  table <- anova(fit, type = type, ddf = ddf)
  for (term in rownames(table)) {
    keep(paste("anova", type, ddf, "statistic"), term, table[term, "F value"], "lmerTest")
    keep(paste("anova", type, ddf, "denominator"), term, table[term, "DenDF"], "lmerTest")
  }
}

nested <- lme(pain ~ arm * week + baseline + clinic_kind, transform(trial, clinic_kind = clinic %in% c("north", "east")),
              random = list(clinic = ~1, id = ~1))
table <- summary(nested)$tTable
for (term in rownames(table)) keep("nested df", term, table[term, "DF"], "nlme")

shifted <- lme4::lmer(pain ~ arm + week + offset(baseline) + (1 | id), trial, control = tight)
keep("offset", "loglik", as.numeric(logLik(shifted)), "lme4")
for (term in names(fixef(shifted))) keep("offset", term, fixef(shifted)[[term]], "lme4")
for (i in c(1, 10, 60)) keep("offset fitted", as.character(i), fitted(shifted)[[i]], "lme4")

bent <- lme4::lmer(pain ~ ns(baseline, 3) * arm + (1 | id), trial, control = tight, REML = FALSE)
keep("natural spline", "loglik", as.numeric(logLik(bent)), "lme4")
for (at in c(2, 6, 12)) {
  new <- data.frame(baseline = at, arm = "needling")
  keep("natural spline", as.character(at), predict(bent, new, re.form = NA)[[1]], "lme4")
}

free <- gls(pain ~ arm * visit, trial, correlation = corSymm(form = ~ as.integer(visit) | id), weights = varIdent(form = ~ 1 | visit),
            control = glsControl(msTol = 1e-14, tolerance = 1e-12, maxIter = 500, msMaxIter = 2000, apVar = FALSE))
spread <- free$sigma * c(1, coef(free$modelStruct$varStruct, unconstrained = FALSE))[match(levels(trial$visit), c(
  setdiff(levels(trial$visit), names(coef(free$modelStruct$varStruct, unconstrained = FALSE))),
  names(coef(free$modelStruct$varStruct, unconstrained = FALSE))))]
full <- names(which(table(trial$id) == 4))[1]
correlation <- corMatrix(free$modelStruct$corStruct)[[full]]
S <- correlation * outer(spread, spread)
seen <- table(trial$id)
for (id in names(seen[seen == 3])[1:3]) {
  own <- trial[trial$id == id, ]
  there <- as.integer(own$visit)
  gone <- setdiff(1:4, there)
  new <- own[1, ]
  new$visit <- factor(levels(trial$visit)[gone], levels(trial$visit))
  value <- predict(free, new) + S[gone, there] %*% solve(S[there, there], own$pain - predict(free, own))
  keep("missed visit", id, as.numeric(value), "nlme")
}

means <- emmeans(fit, ~ arm | visit, lmer.df = "kenward-roger")
differences <- contrast(means, "revpairwise")
for (kind in list(list("less", list(side = "<", null = 0.5)), list("greater", list(side = ">", null = -1)),
                  list("equivalence", list(delta = 1, side = "equivalence")))) {
  table <- do.call(test, c(list(differences, by = NULL, adjust = "none"), kind[[2]]))
  for (i in 1:4) {
    keep(paste("test", kind[[1]], "p"), as.character(table$visit[i]), table$p.value[i], "emmeans")
    keep(paste("test", kind[[1]], "statistic"), as.character(table$visit[i]), table$t.ratio[i], "emmeans")
  }
}
table <- as.data.frame(summary(differences, by = NULL, adjust = "holm"))
for (i in 1:4) keep("holm across", as.character(table$visit[i]), table$p.value[i], "emmeans")
bow <- lmerTest::lmer(pain ~ (week + I(week^2)) * arm + (1 | id), trial, control = tight)
table <- as.data.frame(emtrends(bow, ~ week | arm, var = "week", at = list(week = c(2, 8)), delta.var = 1e-6))
for (i in 1:4) keep("slopes", paste(table$arm[i], table$week[i]), table$week.trend[i], "emmeans")
for (i in 1:4) keep("slopes se", paste(table$arm[i], table$week[i]), table$SE[i], "emmeans")
logged <- lmerTest::lmer(log(pain + 4) ~ arm + baseline + (1 | id), trial, control = tight)
ratio <- as.data.frame(confint(contrast(emmeans(update(ref_grid(logged), tran = "log"), ~arm), "revpairwise", type = "response")))
keep("ratio", "estimate", ratio$ratio, "emmeans")
keep("ratio", "se", ratio$SE, "emmeans")
keep("ratio", "low", ratio$lower.CL, "emmeans")

full_likelihood <- lme4::lmer(pain ~ arm + week + (1 + week | id), trial, control = tight, REML = FALSE)
limits <- confint(full_likelihood, method = "profile", quiet = TRUE, oldNames = FALSE)
for (term in rownames(limits)) {
  keep("profile low", term, limits[term, 1], "lme4")
  keep("profile high", term, limits[term, 2], "lme4")
}

flat <- transform(trial, x = week + 0.37 * as.integer(arm), y = baseline * 3 + (as.integer(visit)^2) / 3)
space <- gls(pain ~ arm, flat, correlation = corExp(c(4), form = ~ x + y | id),
             control = glsControl(msTol = 1e-14, tolerance = 1e-12, maxIter = 500, msMaxIter = 2000, apVar = FALSE))
keep("two dimensions", "loglik", as.numeric(logLik(space)), "nlme")
keep("two dimensions", "range", coef(space$modelStruct$corStruct, unconstrained = FALSE)[[1]], "nlme")
keep("two dimensions", "variance", space$sigma^2, "nlme")

# The shares of variance (intraclass correlations), by lme4's deviance profiled over everything else.
last <- droplevels(trial[trial$visit == "w12", ])
formulas <- list(therapist = pain ~ arm + baseline + (1 | therapist), both = pain ~ arm + (1 | therapist) + (1 | clinic))
for (name in names(formulas)) {
  deviance_at <- lme4::lmer(formulas[[name]], last, devFunOnly = TRUE)
  fit <- lme4::lmer(formulas[[name]], last, control = tight)
  theta <- getME(fit, "theta")
  best <- deviance_at(theta)
  for (i in seq_along(theta)) {
    above <- function(share) {
      held <- function(other) {
        at <- numeric(length(theta))
        at[-i] <- abs(other)
        at[i] <- sqrt(share / (1 - share) * (1 + sum(at[-i]^2)))
        deviance_at(at)
      }
      lowest <- if (length(theta) == 1) held(numeric(0)) else optimize(held, c(0, 5), tol = 1e-10)$objective
      lowest - best - qchisq(0.95, 1)
    }
    share <- theta[i]^2 / (1 + sum(theta^2))
    low <- if (share > 1e-8 && above(1e-10) > 0) uniroot(above, c(1e-10, share), tol = 1e-12)$root else 0
    term <- paste(name, sub("\\..*", "", names(theta)[i]))
    keep("share", term, share, "lme4")
    keep("share low", term, low, "lme4")
    keep("share high", term, uniroot(above, c(max(share, 1e-9), 0.97), tol = 1e-12)$root, "lme4")
  }
}

write.csv(do.call(rbind, rows), "questions.csv", row.names = FALSE, quote = FALSE)
